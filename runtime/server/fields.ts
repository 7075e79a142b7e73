import { EngineError } from '../protocol/error.js'

/** A REQUEST_INVALID that names the parameter at fault (`messages[0].role`). */
export function invalid(what: string, param: string | null = null): EngineError {
  return new EngineError('REQUEST_INVALID', { what, param })
}

/** A received value as messages quote it: JSON, cut to 60 characters. */
export function quote(value: unknown): string {
  if (typeof value === 'string') return shorten(JSON.stringify(value.slice(0, 60)))
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  try {
    return shorten(JSON.stringify(value) ?? String(value))
  } catch {
    // Nested deeper than the stack reaches, or not of JSON at all: bodies may hold what they like.
    return Array.isArray(value) ? 'a list' : typeof value
  }
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** Bytes are no record: as one they would have a field for each of what may be millions. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

interface Range {
  readonly min?: number
  /** Excluded lower bound. */
  readonly over?: number
  readonly max?: number
}

/**
 * Reads the fields of a JSON object by type, without coercion; null counts as absent, as both OpenAI's and SGLang's
 * clients send it. Remembers which names were asked for, so that `finish` can refuse the rest.
 */
export class Fields {
  readonly #source: Readonly<Record<string, unknown>>
  readonly #at: string
  readonly #known = new Set<string>()

  /** Throws REQUEST_INVALID when `source` is not an object. `at` is the path of the object in the body, '' for the body. */
  constructor(source: unknown, at = '') {
    if (!isRecord(source)) {
      throw invalid(`${at === '' ? 'The body' : `"${at}"`} must be a JSON object; got ${quote(source)}.`, at || null)
    }
    this.#source = source
    this.#at = at
  }

  path(name: string): string {
    return this.#at === '' ? name : `${this.#at}.${name}`
  }

  /** The value as it came; undefined when absent or null. */
  raw(name: string): unknown {
    this.#known.add(name)
    return this.#source[name] ?? undefined
  }

  /** True when the name is there, be it with null. */
  has(name: string): boolean {
    this.#known.add(name)
    return Object.hasOwn(this.#source, name)
  }

  number(name: string, range: Range = {}): number | undefined {
    return this.#numeric(name, range, 'a number', Number.isFinite)
  }

  integer(name: string, range: Range = {}): number | undefined {
    return this.#numeric(name, range, 'a whole number', Number.isSafeInteger)
  }

  flag(name: string): boolean | undefined {
    return this.#typed(name, 'true or false', value => typeof value === 'boolean')
  }

  text(name: string): string | undefined {
    return this.#typed(name, 'a string', value => typeof value === 'string')
  }

  /** As `text`, and something stands in it. */
  name(name: string): string | undefined {
    return this.#typed(name, 'a string that is not empty', value => typeof value === 'string' && value !== '')
  }

  choice<const Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    return this.#typed(name, `one of ${values.map(value => `"${value}"`).join(', ')}`, value =>
      values.includes(value as Value),
    )
  }

  object(name: string): Fields | undefined {
    const value = this.raw(name)
    return value === undefined ? undefined : new Fields(value, this.path(name))
  }

  list(name: string): readonly unknown[] | undefined {
    return this.#typed(name, 'a list', value => Array.isArray(value))
  }

  texts(name: string): readonly string[] | undefined {
    return this.#typed(name, 'a list of strings', value => isListOf(value, item => typeof item === 'string'))
  }

  integers(name: string, range: Range = {}): readonly number[] | undefined {
    const expected = `a list of whole numbers${describe(range)}`
    return this.#typed(name, expected, value =>
      isListOf(value, item => Number.isSafeInteger(item) && within(item as number, range)),
    )
  }

  /** A string, or a list of strings, as a list. */
  textOrTexts(name: string): readonly string[] | undefined {
    const value = this.#typed<string | readonly string[]>(
      name,
      'a string or a list of strings',
      value => typeof value === 'string' || isListOf(value, item => typeof item === 'string'),
    )
    return typeof value === 'string' ? [value] : value
  }

  /** For parameters that are known and cannot be honoured: only blank values and those that mean "unused" pass. */
  refuse(name: string, why: string, isUnused: (value: unknown) => boolean = () => false): void {
    const value = this.raw(name)
    if (!isBlank(value) && !isUnused(value)) {
      throw invalid(`"${this.path(name)}" cannot be honoured: ${why}; got ${quote(value)}.`, this.path(name))
    }
  }

  /** For switches that are on and cannot be turned off. */
  requireOn(name: string, why: string): void {
    if (this.flag(name) === false) {
      throw invalid(`"${this.path(name)}" cannot be false: ${why}.`, this.path(name))
    }
  }

  /**
   * Throws REQUEST_INVALID for a name that was never asked for and is not among `ignored`. A blank value passes:
   * clients spell out the switches of many servers as off.
   */
  finish(ignored: ReadonlySet<string> = new Set()): void {
    for (const [name, value] of Object.entries(this.#source)) {
      if (this.#known.has(name) || ignored.has(name) || isBlank(value)) continue
      throw invalid(`There is no parameter "${this.path(name)}".`, this.path(name))
    }
  }

  #numeric(name: string, range: Range, kind: string, test: (value: unknown) => boolean): number | undefined {
    return this.#typed(name, `${kind}${describe(range)}`, value => test(value) && within(value as number, range))
  }

  #typed<Value>(name: string, expected: string, test: (value: unknown) => boolean): Value | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (!test(value)) {
      throw invalid(`"${this.path(name)}" must be ${expected}; got ${quote(value)}.`, this.path(name))
    }
    return value as Value
  }
}

/** Says nothing: null, false, '', [] or {}. */
function isBlank(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true
  if (ArrayBuffer.isView(value)) return value.byteLength === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}

function isListOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test)
}

function within(value: number, { min = -Infinity, over = -Infinity, max = Infinity }: Range): boolean {
  return value >= min && (over === -Infinity || value > over) && value <= max
}

function describe({ min, over, max }: Range): string {
  if (over !== undefined) return max === undefined ? ` over ${over}` : ` over ${over} and at most ${max}`
  if (min !== undefined) return max === undefined ? `, at least ${min}` : ` from ${min} to ${max}`
  return max === undefined ? '' : `, at most ${max}`
}

/** Of one body. All are made before the first runs, so a small body must not name millions. */
const MOST_GENERATIONS = 65_536

/** Throws REQUEST_INVALID for more generations than one body may ask for. */
export function checkGenerations(prompts: number, samples: number): void {
  if (prompts * samples <= MOST_GENERATIONS) return
  throw invalid(
    `${prompts} prompts with "n" ${samples} are ${prompts * samples} generations; one request may ask for ${MOST_GENERATIONS}.`,
    'n',
  )
}
