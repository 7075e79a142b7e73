import { inputNode } from '../ir/node.js'
import type { InputDeclaration, InputDeclarations, InputHoles } from './types.js'

/** What a program takes: `{ photo: input.image(), question: input.text(), limit: input.number() }`. */
export const input: {
  /** A string. */
  text(): InputDeclaration<'text'>
  /** Encoded bytes, a `file:` or `data:` URL, or a path. Stands in user turns only. */
  image(): InputDeclaration<'image'>
  /** A file of which frames are sampled, or the frames themselves. Stands in user turns only. */
  video(): InputDeclaration<'video'>
  /** A finite number; stands in the prompt as JavaScript writes it. */
  number(): InputDeclaration<'number'>
} = {
  text: () => ({ type: 'text' }),
  image: () => ({ type: 'image' }),
  video: () => ({ type: 'video' }),
  number: () => ({ type: 'number' }),
}

/** The holes through which a body uses its inputs. */
export function holesOf<S extends InputDeclarations>(declarations: S): InputHoles<S> {
  const holes = Object.entries(declarations).map(([name, { type }]) => [name, { ir: inputNode(name), type }])
  return Object.fromEntries(holes) as InputHoles<S>
}
