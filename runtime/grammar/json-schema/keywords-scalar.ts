import { compareDecimals, type Decimal, ZERO } from './decimal.js'
import { compileFormat, isKnownFormat } from './formats/index.js'
import { ANYTHING, type Formula } from './formula.js'
import type { Keyword, Lowering, Place } from './lowering.js'
import { ALL_NUMBERS, INTEGERS, multiplesOf, numbersFrom, numbersTo } from './number-set.js'
import { compilePattern } from './patterns.js'
import type { Shape } from './shape.js'
import { ALL_STRINGS, stringsMatching, stringsOfLength } from './string-set.js'

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']

const type: Keyword = (lowering, place) => {
  const value = place.schema.type
  const names: readonly unknown[] = Array.isArray(value) ? value : [value]
  const { formulas, shapes } = lowering.universe
  if (!names.every(name => typeof name === 'string' && TYPES.includes(name)))
    throw lowering.invalid(place, 'type', `one of ${TYPES.join(', ')}, or a list of them`)
  const { anything, nothing } = shapes
  const shape: Shape = {
    hasNull: names.includes('null'),
    hasTrue: names.includes('boolean'),
    hasFalse: names.includes('boolean'),
    numbers: names.includes('number') ? ALL_NUMBERS : names.includes('integer') ? INTEGERS : nothing.numbers,
    strings: names.includes('string') ? ALL_STRINGS : nothing.strings,
    arrays: names.includes('array') ? anything.arrays : [],
    objects: names.includes('object') ? anything.objects : [],
  }
  return formulas.shape(shape)
}

const enumeration: Keyword = (lowering, place) => {
  const values = place.schema.enum
  if (!Array.isArray(values)) throw lowering.invalid(place, 'enum', 'a list')
  return lowering.universe.values(values)
}

const constant: Keyword = (lowering, place) => lowering.universe.value(place.schema.const)

/** Draft 4 wrote exclusive bounds as a flag beside the bound; both spellings are read. */
const lowerBound: Keyword = (lowering, place) => bound(lowering, place, 'minimum', 'exclusiveMinimum', numbersFrom)
const upperBound: Keyword = (lowering, place) => bound(lowering, place, 'maximum', 'exclusiveMaximum', numbersTo)

function bound(
  lowering: Lowering,
  place: Place,
  closed: string,
  open: string,
  make: (limit: Decimal, open: boolean) => ReturnType<typeof numbersFrom>,
): Formula {
  const isFlag = typeof place.schema[open] === 'boolean'
  const formulas: Formula[] = []
  if (place.schema[closed] !== undefined)
    formulas.push(lowering.universe.ofNumbers(make(lowering.decimal(place, closed), place.schema[open] === true)))
  if (place.schema[open] !== undefined && !isFlag)
    formulas.push(lowering.universe.ofNumbers(make(lowering.decimal(place, open), true)))
  return lowering.universe.formulas.and(formulas)
}

const multipleOf: Keyword = (lowering, place) => {
  const step = lowering.decimal(place, 'multipleOf')
  if (compareDecimals(step, ZERO) <= 0) throw lowering.invalid(place, 'multipleOf', 'a number over 0')
  return lowering.universe.ofNumbers(multiplesOf(step))
}

const length: Keyword = (lowering, place) => {
  const min = lowering.count(place, 'minLength', 0)
  const max = lowering.count(place, 'maxLength', Number.POSITIVE_INFINITY)
  return lowering.universe.ofStrings(stringsOfLength(min, max))
}

const pattern: Keyword = (lowering, place) => {
  const source = place.schema.pattern
  if (typeof source !== 'string') throw lowering.invalid(place, 'pattern', 'a regular expression')
  return lowering.universe.ofStrings(stringsMatching(compilePattern(lowering, place, source, 'pattern')))
}

/** Formats that nobody has defined are annotations (JSON Schema Validation, section 7.2.3). */
const format: Keyword = (lowering, place) => {
  const name = place.schema.format
  if (typeof name !== 'string') throw lowering.invalid(place, 'format', 'a string')
  if (!isKnownFormat(name)) return ANYTHING
  const language = compileFormat(lowering.universe.store, name)
  return lowering.universe.ofStrings(stringsMatching(language))
}

export const SCALAR_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ['type', type],
  ['enum', enumeration],
  ['const', constant],
  ['minimum', lowerBound],
  ['exclusiveMinimum', lowerBound],
  ['maximum', upperBound],
  ['exclusiveMaximum', upperBound],
  ['multipleOf', multipleOf],
  ['minLength', length],
  ['maxLength', length],
  ['pattern', pattern],
  ['format', format],
]
