import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { readModelConfig } from '../../kernels/checkpoint/config.js'
import { expectedTensors } from '../../kernels/checkpoint/expected-tensors.js'
import { KernelFailure } from '../../kernels/failure.js'
import { checkpointPath, goldenNames } from '../support/golden-checkpoint.js'

type Json = Record<string, unknown>

/** Paths of all fields, nested ones too: of an object's damage every part is a place. */
function places(value: Json, prefix: readonly string[] = []): (readonly string[])[] {
  return Object.entries(value).flatMap(([name, field]) => {
    const place = [...prefix, name]
    const isObject = typeof field === 'object' && field !== null && !Array.isArray(field)
    return isObject ? [place, ...places(field as Json, place)] : [place]
  })
}

function replaced(value: Json, [name, ...rest]: readonly string[], field: unknown): Json {
  return { ...value, [name!]: rest.length === 0 ? field : replaced(value[name!] as Json, rest, field) }
}

const damage = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(0, -1, 0.5, 1e9, 2 ** 53, 1e300, '', 'constructor', '__proto__', true, [], {}, [[]], [null], null),
)

for (const name of goldenNames()) {
  const config: Json = JSON.parse(readFileSync(join(checkpointPath(name), 'config.json'), 'utf8'))
  // What the tower's own folder would say; a layout that describes its tower does not look at it.
  const tower = { model_type: 'clip_vision_model', num_hidden_layers: 3 }

  t.test(`${name}: whatever a field holds, the configuration is read or refused with a reason`, async t => {
    const read = async (damaged: Json): Promise<void> => {
      expectedTensors(readModelConfig('/model', damaged, null, tower))
    }
    await read(config)
    const property = fc.asyncProperty(fc.constantFrom(...places(config)), damage, (place, field) =>
      read(replaced(config, place, field)).then(() => true, isReason),
    )
    await t.resolves(fc.assert(property, { numRuns: 500, seed: 21 }))
  })
}

/** A refusal that a user can act on: one of the model codes, the path, and a whole sentence. */
function isReason(error: unknown): boolean {
  return (
    error instanceof KernelFailure &&
    (error.code === 'MODEL_CORRUPT' || error.code === 'MODEL_UNSUPPORTED') &&
    error.data.path === '/model' &&
    error.message.endsWith('.')
  )
}
