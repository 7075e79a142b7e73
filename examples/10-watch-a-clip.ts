/**
 * Clips: frames are sampled from the file, and every question about it shares them. An enum is a choice: nothing but one
 * of its values can be generated. GIFs need no other package; see the README for MP4 and WebM.
 */
import { assistant, type Backend, input, json, program, schema, user } from '../frontend/index.js'

const Moving = schema({
  type: 'object',
  properties: {
    shape: { type: 'string', enum: ['circle', 'square', 'triangle'] },
    color: { type: 'string', enum: ['red', 'green', 'blue', 'yellow', 'black'] },
    direction: { type: 'string', enum: ['left', 'right', 'up', 'down'] },
  },
  required: ['shape', 'color', 'direction'],
  additionalProperties: false,
})
const Counter = schema({
  type: 'object',
  properties: { first: { type: 'integer' }, last: { type: 'integer' } },
  required: ['first', 'last'],
  additionalProperties: false,
})

const watchShape = program('watch-shape', { clip: input.video() }, ({ clip }) => [
  user`${clip}Extract shape, color, direction as JSON.`,
  assistant`${json('seen', Moving)}`,
])
const watchNumber = program('watch-number', { clip: input.video() }, ({ clip }) => [
  user`${clip}Extract first, last of the number as JSON.`,
  assistant`${json('seen', Counter)}`,
])

export async function main(backend: Backend, pictures: string, print: (text: string) => void): Promise<void> {
  const clips = `${pictures}/../clips`
  const shape = await watchShape.run(backend, { clip: `${clips}/shape.gif` }).result
  print(`a ${shape.seen.color} ${shape.seen.shape} moves ${shape.seen.direction}\n`)
  const number = await watchNumber.run(backend, { clip: `${clips}/number.gif` }).result
  print(`from ${number.seen.first} to ${number.seen.last}: ${number.seen.last - number.seen.first}\n`)
}
