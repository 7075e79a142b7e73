import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { JsonValidator } from '../../runtime/grammar/json-schema/validator.js'
import type { JsonSchema } from '../../runtime/protocol/backend.js'
import { createRandom, tryJsonLanguage } from '../support/json-language.js'
import { randomSchema, randomValue, spoilSchema } from '../support/random-schema.js'

const SCHEMAS = Number(process.env.RADIANT_RANDOM_SCHEMAS ?? 250)
const VALUES = 40

interface Case {
  readonly seed: number
  readonly schema: JsonSchema
  readonly values: readonly unknown[]
}

function makeCase(seed: number): Case {
  const random = createRandom(seed)
  const schema = randomSchema(random, 2)
  return { seed, schema, values: Array.from({ length: VALUES }, () => randomValue(random, 2)) }
}

/**
 * Ajv passes an empty array by `contains` beside `prefixItems`, and takes branches that fail to have evaluated items:
 * there it is no oracle.
 */
function followsTheStandard(schema: JsonSchema): boolean {
  const text = JSON.stringify(schema)
  return !text.includes('"unevaluated') && !(text.includes('"contains"') && text.includes('"prefixItems"'))
}

t.test('random schemas accept exactly the values that Ajv and the validator accept', t => {
  const codes = new Map<string, number>()
  for (let seed = 1; seed <= SCHEMAS; seed++) {
    const { schema, values } = makeCase(seed)
    const { language, code } = tryJsonLanguage(schema, { propertyOrder: 'any' })
    codes.set(code, (codes.get(code) ?? 0) + 1)
    const validator = new JsonValidator(schema)
    const oracle = followsTheStandard(schema) ? new Ajv2020({ strict: false, logger: false }).compile(schema) : null
    for (const value of values) {
      const expected = validator.validate(value).length === 0
      const where = `seed ${seed}: ${JSON.stringify(value)} under ${JSON.stringify(schema)}`
      if (oracle !== null && oracle(value) !== expected) t.fail(`validator, ${where}`)
      if (language !== null && language.acceptsValue(value) !== expected) t.fail(`automaton, ${where}`)
      if (code === 'UNSATISFIABLE' && expected) t.fail(`called unsatisfiable, ${where}`)
    }
  }
  t.ok((codes.get('OK') ?? 0) > SCHEMAS * 0.7, `${JSON.stringify([...codes])} of ${SCHEMAS} compile`)
  t.end()
})

t.test('with validation the mask refuses no valid value, whatever it leaves out', t => {
  let left = 0
  for (let seed = 1; seed <= SCHEMAS; seed++) {
    const { schema, values } = makeCase(seed)
    spoilSchema(createRandom(seed), schema)
    const { language } = tryJsonLanguage(schema, { propertyOrder: 'any', unsupported: 'validate' })
    const validator = new JsonValidator(schema)
    for (const value of values) {
      const isValid = validator.validate(value).length === 0
      const isTaken = language?.acceptsValue(value) ?? true
      if (isValid && !isTaken) t.fail(`seed ${seed}: ${JSON.stringify(value)} under ${JSON.stringify(schema)}`)
      if (isTaken && !isValid) left++
    }
  }
  t.ok(left > SCHEMAS / 4, `${left} values are left to validation`)
  t.end()
})
