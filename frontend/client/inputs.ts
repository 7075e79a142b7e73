import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ContentPart, ImageSource } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { describe } from '../ir/describe.js'
import type { InputType } from '../ir/node.js'

type ReadInput = (value: unknown, refuse: (what: string) => EngineError) => Promise<ContentPart> | ContentPart

const READ: Readonly<Record<InputType, ReadInput>> = {
  text: (value, refuse) => {
    if (typeof value !== 'string') throw refuse(`${describe(value)} is no text; give ${RIGHT.text}`)
    return { kind: 'text', text: value }
  },
  number: (value, refuse) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw refuse(`${describe(value)} came; give ${RIGHT.number}`)
    }
    return { kind: 'text', text: String(value) }
  },
  image: async (value, refuse) => ({ kind: 'image', image: await readPicture(value, refuse) }),
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
    if (value === undefined) throw refuse(name, `it has no value; give ${RIGHT[type]}`)
    return [name, await READ[type](value, what => refuse(name, what))] as const
  })
  return new Map(await Promise.all(parts))
}

const RIGHT: Readonly<Record<InputType, string>> = {
  text: 'a string',
  number: 'a finite number',
  image: 'encoded bytes, a file: or data: URL, or a path',
}

/** The encoded bytes behind a value. Equal bytes are one picture to an engine, wherever they came from. */
async function readPicture(value: unknown, refuse: (what: string) => EngineError): Promise<ImageSource> {
  if (value instanceof Uint8Array) {
    if (value.length === 0) throw refuse('the bytes are empty; give an encoded picture (PNG, JPEG, WebP, ...)')
    return { bytes: value }
  }
  if (typeof value === 'string' && value !== '') {
    // A scheme has two letters or more here, which spares the drives of Windows paths.
    return /^[a-z]{2,}:/i.test(value) && URL.canParse(value) ? readUrl(new URL(value), refuse) : readPath(value)
  }
  if (value instanceof URL) return readUrl(value, refuse)
  throw refuse(`${describe(value)} is no picture; give ${RIGHT.image}`)
}

async function readUrl(url: URL, refuse: (what: string) => EngineError): Promise<ImageSource> {
  if (url.protocol === 'file:') return readPath(fileURLToPath(url))
  if (url.protocol !== 'data:')
    throw refuse(`${url.protocol} URLs are not fetched; fetch the picture and give its bytes`)
  const [, base64] = /^data:[^,]*;base64,(.+)$/s.exec(url.href) ?? []
  if (base64 === undefined) throw refuse('the data: URL holds no base64')
  return { bytes: new Uint8Array(Buffer.from(base64, 'base64')), label: 'the picture of a data: URL' }
}

async function readPath(path: string): Promise<ImageSource> {
  try {
    return { bytes: await readFile(path), label: basename(path) }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new EngineError('IMAGE_NOT_FOUND', { path }, { cause })
    throw new EngineError('IMAGE_UNREADABLE', { label: path, what: message }, { cause })
  }
}
