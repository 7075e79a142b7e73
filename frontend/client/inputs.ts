import type { ContentPart } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { describe } from '../ir/describe.js'
import type { InputType } from '../ir/node.js'
import { type Refuse, RIGHT_FILE, RIGHT_VIDEO, readImage, readVideo } from './media.js'

interface InputRule {
  /** Completes the sentence "give ...". */
  readonly right: string
  readonly read: (value: unknown, refuse: Refuse) => Promise<ContentPart> | ContentPart
}

const RULES: Readonly<Record<InputType, InputRule>> = {
  text: {
    right: 'a string',
    read: (value, refuse) => {
      if (typeof value !== 'string') throw refuse(`${describe(value)} is no text; give a string`)
      return { kind: 'text', text: value }
    },
  },
  number: {
    right: 'a finite number',
    read: (value, refuse) => {
      if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'text', text: String(value) }
      throw refuse(`${describe(value)} came; give a finite number`)
    },
  },
  image: {
    right: RIGHT_FILE,
    read: async (value, refuse) => ({ kind: 'image', image: await readImage(value, refuse) }),
  },
  video: {
    right: RIGHT_VIDEO,
    read: async (value, refuse) => ({ kind: 'video', video: await readVideo(value, refuse) }),
  },
}

/**
 * The values of a program's inputs as prompt content; pictures are read into memory, not decoded. Throws
 * PROGRAM_INPUT_INVALID for values that are missing, unknown or of the wrong type, IMAGE_NOT_FOUND for a path that
 * leads nowhere.
 */
export async function readInputs(
  program: string,
  declared: Readonly<Record<string, InputType>>,
  values: object,
): Promise<ReadonlyMap<string, ContentPart>> {
  const names = Object.keys(declared)
  const refuse = (input: string, what: string): EngineError =>
    new EngineError('PROGRAM_INPUT_INVALID', { program, input, what })
  const given = new Map<string, unknown>(Object.entries(values ?? {}))
  for (const name of given.keys()) {
    if (Object.hasOwn(declared, name)) continue
    throw refuse(name, `the program has no such input; it has ${names.map(each => `"${each}"`).join(', ') || 'none'}`)
  }
  const parts = Object.entries(declared).map(async ([name, type]) => {
    const value = given.get(name)
    if (value === undefined) throw refuse(name, `it has no value; give ${RULES[type].right}`)
    return [name, await RULES[type].read(value, what => refuse(name, what))] as const
  })
  return new Map(await Promise.all(parts))
}
