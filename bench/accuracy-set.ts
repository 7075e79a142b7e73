import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ContentPart, JsonSchema } from '../runtime/protocol/backend.js'

export interface LabelledQuestion {
  readonly prompt: string
  readonly expected: string
  readonly choices?: readonly string[]
}

/** A line of labels.jsonl, as training/documents/held_out.py writes it. A clip has `frames` where a document has `image`. */
export interface LabelledExample {
  readonly image?: string
  readonly frames?: readonly string[]
  readonly kind: string
  readonly prompt: string
  readonly schema: JsonSchema
  readonly expected: Readonly<Record<string, unknown>>
  readonly questions: readonly LabelledQuestion[]
}

export interface HeldOutSet {
  readonly folder: string
  readonly examples: readonly LabelledExample[]
}

/** @throws Error naming the line that is no example. */
export function readHeldOutSet(folder: string): HeldOutSet {
  const path = join(folder, 'labels.jsonl')
  const lines = readFileSync(path, 'utf8').split('\n')
  const examples = lines.flatMap((line, index): LabelledExample[] => {
    if (line.trim() === '') return []
    const example = JSON.parse(line) as LabelledExample
    const isWhole =
      (example.image !== undefined || example.frames !== undefined) &&
      typeof example.prompt === 'string' &&
      typeof example.expected === 'object'
    if (!isWhole) throw new Error(`${path}: line ${index + 1} lacks image or frames, prompt or expected`)
    return [example]
  })
  if (examples.length === 0) throw new Error(`${path}: no examples`)
  return { folder, examples }
}

/** The picture or the clip of an example as prompt content. */
export function contentOf({ folder }: HeldOutSet, example: LabelledExample): ContentPart {
  const read = (name: string): { bytes: Uint8Array } => ({ bytes: readFileSync(join(folder, name)) })
  if (example.frames === undefined) return { kind: 'image', image: read(example.image!) }
  return { kind: 'video', video: { pictures: example.frames.map(read) } }
}

/** Field by field; nested values are right when all of them is. Numbers compare as numbers. */
export function scoreFields(text: string, expected: Readonly<Record<string, unknown>>): Map<string, boolean> {
  const found = parseObject(text)
  return new Map(
    Object.entries(expected).map(([key, value]) => [key, JSON.stringify(found[key]) === JSON.stringify(value)]),
  )
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch (error) {
    // Without a constraint a model may write anything; that scores as no field at all.
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/** Right answers out of all, by row of the report. */
export class Tally {
  readonly #rows = new Map<string, { right: number; all: number }>()

  add(row: string, isRight: boolean): void {
    const counts = this.#rows.get(row) ?? { right: 0, all: 0 }
    counts.all++
    if (isRight) counts.right++
    this.#rows.set(row, counts)
  }

  get(row: string): { readonly right: number; readonly all: number } {
    return this.#rows.get(row) ?? { right: 0, all: 0 }
  }

  get rows(): readonly string[] {
    return [...this.#rows.keys()].sort()
  }

  line(row: string): string {
    const { right, all } = this.get(row)
    const share = all === 0 ? '' : `${((100 * right) / all).toFixed(1).padStart(6)} %`
    return `${row.padEnd(32)} ${`${right} of ${all}`.padStart(12)} ${share}`
  }
}
