import { ExpressionStore } from '../../runtime/grammar/expression.js'
import { compileJsonSchema } from '../../runtime/grammar/json-schema/compile.js'
import type { JsonOptions, JsonSchema } from '../../runtime/protocol/backend.js'
import { EngineError, type ErrorCode } from '../../runtime/protocol/error.js'

/** A compiled schema as a test sees it: which texts are in, and random texts that are. */
export class JsonLanguage {
  readonly store = new ExpressionStore()
  readonly root: number

  constructor(schema: JsonSchema, options: JsonOptions = {}) {
    this.root = compileJsonSchema(this.store, schema, options).root
  }

  accepts(text: string): boolean {
    return acceptsText(this.store, this.root, text)
  }

  acceptsValue(value: unknown): boolean {
    return this.accepts(JSON.stringify(value))
  }

  /**
   * A text made byte by byte from what may follow, as sampling under a mask makes it; after about `length` bytes the
   * shortest ending is taken. Throws when there is no way on.
   */
  generate(seed: number, length = 200): string {
    const random = createRandom(seed)
    const bytes: number[] = []
    let state = this.root
    while (bytes.length < length) {
      const live = liveBytes(this.store, state)
      if (live.length === 0) break
      if (this.store.isNullable(state) && random() < 0.3) break
      const closing = live.filter(byte => byte === 0x22 || byte === 0x5d || byte === 0x7d)
      const choices = closing.length > 0 && random() < 0.3 ? closing : live
      const byte = choices[Math.floor(random() * choices.length)]!
      bytes.push(byte)
      state = this.store.derivative(state, byte)
    }
    const ending = this.store.shortest(state)
    if (ending === null) throw new Error(`There is no way on after ${Buffer.from(bytes)}`)
    return Buffer.concat([Buffer.from(bytes), ending]).toString()
  }
}

/**
 * The language, or the code of the error that the compiler refuses the schema with; 'UNSATISFIABLE' where no value
 * meets it.
 */
export function tryJsonLanguage(
  schema: JsonSchema,
  options: JsonOptions = {},
): { readonly language: JsonLanguage | null; readonly code: ErrorCode | 'OK' | 'UNSATISFIABLE' } {
  try {
    return { language: new JsonLanguage(schema, options), code: 'OK' }
  } catch (error) {
    if (!EngineError.isInstance(error)) throw error
    return { language: null, code: /no value can meet/.test(error.message) ? 'UNSATISFIABLE' : error.code }
  }
}

export function acceptsText(store: ExpressionStore, root: number, text: string): boolean {
  let state = root
  for (const byte of Buffer.from(text)) {
    state = store.derivative(state, byte)
    if (state === store.fail) return false
  }
  return store.isNullable(state)
}

export function liveBytes(store: ExpressionStore, state: number): number[] {
  return Array.from({ length: 256 }, (_, byte) => byte).filter(byte => store.derivative(state, byte) !== store.fail)
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
