import { Ajv } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import draft4 from 'ajv-draft-04'
import formats from 'ajv-formats'
import { JsonValidator } from '../runtime/grammar/json-schema/validator.js'
import type { JsonSchema } from '../runtime/protocol/backend.js'

interface AjvError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
}

/** agrees: valid; explained: Ajv is known to be wrong here, `why` says how; wrong: Ajv objects, `why` says to what. */
export type Opinion =
  | { readonly kind: 'agrees'; readonly isAjv: boolean }
  | { readonly kind: 'explained'; readonly why: string }
  | { readonly kind: 'wrong'; readonly why: string }

/** Null where Ajv breaks down over the value. */
type Judge = (value: unknown) => readonly AjvError[] | null

// Without ownProperties Ajv takes what every object inherits ("constructor") for members of the value.
const OPTIONS = { strict: false, logger: false, allErrors: true, validateSchema: false, ownProperties: true } as const
const DRAFT_4 = draft4.default
const DIALECTS: readonly [RegExp, () => { compile(schema: object): unknown }][] = [
  [/2020-12/, () => formats.default(new Ajv2020(OPTIONS))],
  [/2019-09/, () => formats.default(new Ajv2019(OPTIONS))],
  [/draft-0[67]/, () => formats.default(new Ajv(OPTIONS))],
  [/draft-04/, () => formats.default(new DRAFT_4(OPTIONS))],
]

/**
 * Ajv's opinion on values of one schema; where it cannot read the schema, breaks down or is known to
 * depart from the standard, that of the project's own validator.
 */
export class Oracle {
  readonly #judge: Judge | null
  readonly #own: JsonValidator

  constructor(schema: JsonSchema) {
    this.#own = new JsonValidator(schema)
    this.#judge = compileJudge(schema)
  }

  /** `value`: a parsed JSON text. */
  opinionOn(value: unknown): Opinion {
    const violations = this.#own.validate(value)
    const errors = this.#judge?.(value) ?? null
    if (errors === null)
      return violations.length === 0 ? { kind: 'agrees', isAjv: false } : { kind: 'wrong', why: violations[0]!.message }
    if (errors.length === 0) return { kind: 'agrees', isAjv: true }
    const reasons = errors.map(error => explain(error, value)).filter(reason => reason !== null)
    if (violations.length === 0 && reasons.length > 0) return { kind: 'explained', why: reasons[0]! }
    return { kind: 'wrong', why: errors.map(({ keyword, instancePath }) => `${keyword} at "${instancePath}"`).join() }
  }
}

/** The dialect that the schema names is tried first; without a name, the newest. */
function compileJudge(schema: JsonSchema): Judge | null {
  if (departsFromStandard(schema)) return null
  if (typeof schema === 'boolean') return value => judgeWith(new Ajv2020(OPTIONS).compile(schema), value)
  const { $schema, ...bare } = schema
  const own = DIALECTS.filter(([name]) => typeof $schema === 'string' && name.test($schema))
  for (const [, make] of [...own, ...DIALECTS]) {
    try {
      const check = make().compile(bare) as Check
      return value => judgeWith(check, value)
    } catch {}
  }
  return null
}

/**
 * Ajv takes the root where the target of a $dynamicRef is not on the way, and forgets what an `if` without branches,
 * or a `contains` that need not be met, has evaluated; the official suite says otherwise in all three cases.
 */
function departsFromStandard(schema: JsonSchema): boolean {
  const text = JSON.stringify(schema)
  const hasBareIf = text.includes('"if":') && !text.includes('"then":') && !text.includes('"else":')
  const forgets =
    (hasBareIf && text.includes('"unevaluated')) ||
    /"minContains":0\b.*"unevaluatedItems":|"unevaluatedItems":.*"minContains":0\b/.test(text)
  return text.includes('"$dynamicRef":') || forgets
}

type Check = ((value: unknown) => unknown) & { readonly errors?: readonly AjvError[] | null }

function judgeWith(check: Check, value: unknown): readonly AjvError[] | null {
  try {
    return check(value) ? [] : (check.errors ?? [])
  } catch (error) {
    // References that lead to themselves without end overflow its stack.
    if (error instanceof RangeError) return null
    throw error
  }
}

/** Values that Ajv's formats refuse and the standard behind them allows. */
const STRICTER_THAN_STANDARD: readonly { readonly format: string; readonly allowed: RegExp; readonly why: string }[] = [
  {
    format: 'email',
    allowed: /^[^@"]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/,
    why: 'email: a domain may be one label (RFC 5321 section 4.1.2)',
  },
  {
    format: 'email',
    allowed: /^".*"@/,
    why: 'email: the local part may be quoted (RFC 5321 section 4.1.2)',
  },
  {
    format: 'email',
    allowed: /@\[[^\]]+\]$/,
    why: 'email: the domain may be an address in brackets (RFC 5321 section 4.1.3)',
  },
  {
    format: 'uri',
    allowed: /^[A-Za-z][A-Za-z0-9+.-]*:(?:[?#].*)?$/,
    why: 'uri: the path may be empty (RFC 3986 section 3.3)',
  },
  {
    format: 'uri-template',
    allowed: /\{[^}]*\w\.\w[^}]*\}/,
    why: 'uri-template: names of variables may have dots (RFC 6570 section 2.3)',
  },
]

/** Asserted by ajv-formats, but no formats of JSON Schema: section 7.2.3 of its validation part makes them annotations. */
const NO_FORMATS: ReadonlySet<unknown> = new Set([
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
  'url',
])

/** Why this error is Ajv's own fault; null when it is not known to be. */
function explain({ keyword, instancePath, params }: AjvError, root: unknown): string | null {
  const value = valueAt(root, instancePath)
  if (keyword === 'format' && NO_FORMATS.has(params.format)) return `format ${params.format}: no format of JSON Schema`
  if (keyword === 'format' && typeof value === 'string') {
    const known = STRICTER_THAN_STANDARD.find(each => each.format === params.format && each.allowed.test(value))
    return known?.why ?? null
  }
  if (keyword === 'multipleOf' && typeof value === 'number' && isMultiple(value, params.multipleOf as number))
    return 'multipleOf: Ajv divides doubles; in decimals the value is a multiple'
  return null
}

function valueAt(root: unknown, pointer: string): unknown {
  let value = root
  for (const part of pointer.split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    value = (value as Record<string, unknown> | undefined)?.[key]
  }
  return value
}

/** By the decimals that both numbers are written as. */
function isMultiple(value: number, step: number): boolean {
  const [left, right] = [toDecimal(value), toDecimal(step)]
  const exponent = Math.min(left.exponent, right.exponent)
  const scale = ({ digits, exponent: own }: ReturnType<typeof toDecimal>) => digits * 10n ** BigInt(own - exponent)
  return scale(left) % scale(right) === 0n
}

function toDecimal(value: number): { readonly digits: bigint; readonly exponent: number } {
  const [mantissa = '0', power = '0'] = value.toExponential().split('e')
  const [whole = '0', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length }
}
