import { compareDecimals, type Decimal, decimalOf, isMultiple } from './decimal.js'
import { equalValues } from './equality.js'
import { countCodePoints } from './string-set.js'
import type { JsonValidator, Visit } from './validator.js'

/** The keywords that look at the value itself: type, value, number and string. */
export function checkScalars(validator: JsonValidator, visit: Visit): void {
  const { schema, value } = visit
  if (schema.type !== undefined) {
    const types: readonly unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type]
    if (!types.some(type => hasType(value, type)))
      validator.report(visit, 'type', `The value is of type ${typeOf(value)}, not ${types.join(' or ')}.`)
  }
  if (Array.isArray(schema.enum) && !schema.enum.some(each => equalValues(each, value)))
    validator.report(visit, 'enum', 'The value is none of those listed.')
  if (schema.const !== undefined && !equalValues(schema.const, value))
    validator.report(visit, 'const', `The value is not ${JSON.stringify(schema.const)}.`)
  if (typeof value === 'number') checkNumber(validator, visit, value)
  if (typeof value === 'string') checkString(validator, visit, value)
}

function checkNumber(validator: JsonValidator, visit: Visit, value: number): void {
  const { schema } = visit
  const number = decimalOf(value)
  const compare = (keyword: string, isMet: (order: number) => boolean, relation: string) => {
    const limit = schema[keyword]
    if (typeof limit === 'number' && !isMet(compareDecimals(number, decimalOf(limit))))
      validator.report(visit, keyword, `${value} is not ${relation} ${limit}.`)
  }
  // Draft 4 makes a bound exclusive by a flag beside it.
  if (schema.exclusiveMinimum === true) compare('minimum', order => order > 0, 'over')
  else compare('minimum', order => order >= 0, 'at least')
  if (schema.exclusiveMaximum === true) compare('maximum', order => order < 0, 'below')
  else compare('maximum', order => order <= 0, 'at most')
  compare('exclusiveMinimum', order => order > 0, 'over')
  compare('exclusiveMaximum', order => order < 0, 'below')
  if (typeof schema.multipleOf === 'number' && !isWholeMultiple(number, decimalOf(schema.multipleOf)))
    validator.report(visit, 'multipleOf', `${value} is not a multiple of ${schema.multipleOf}.`)
}

function isWholeMultiple(value: Decimal, step: Decimal): boolean {
  return step.digits > 0n && isMultiple(value, step)
}

function checkString(validator: JsonValidator, visit: Visit, value: string): void {
  const { schema } = visit
  const length = countCodePoints(value)
  if (typeof schema.minLength === 'number' && length < schema.minLength)
    validator.report(visit, 'minLength', `The text has ${length} characters, fewer than ${schema.minLength}.`)
  if (typeof schema.maxLength === 'number' && length > schema.maxLength)
    validator.report(visit, 'maxLength', `The text has ${length} characters, more than ${schema.maxLength}.`)
  if (typeof schema.pattern === 'string' && !validator.strings.matches(schema.pattern, value))
    validator.report(visit, 'pattern', `The text does not match /${schema.pattern}/.`)
  if (typeof schema.format === 'string' && !validator.strings.hasFormat(schema.format, value))
    validator.report(visit, 'format', `The text is no ${schema.format}.`)
}

function hasType(value: unknown, type: unknown): boolean {
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value)
  return typeOf(value) === type
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
