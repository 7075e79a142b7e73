import type { JsonSchema } from '../../protocol/backend.js'
import { invalidSchema, pointerTo } from './issues.js'
import { type Resource, SchemaIndex, type SchemaNode, type SchemaObject } from './schema-index.js'
import { StringChecks } from './string-checks.js'
import { checkScalars } from './validator-assertions.js'
import { checkArray, checkObject } from './validator-containers.js'

/** One keyword that a value does not meet; `pointer` leads to the part of the value. */
export interface Violation {
  readonly pointer: string
  readonly keyword: string
  readonly message: string
}

/** What a schema has looked at, for `unevaluatedProperties` and `unevaluatedItems`. */
export class Evaluated {
  readonly keys = new Set<string>()
  readonly items = new Set<number>()

  add(other: Evaluated): void {
    for (const key of other.keys) this.keys.add(key)
    for (const index of other.items) this.items.add(index)
  }
}

/** A value in its place: where it stands, and through which resources its schema was entered. */
export interface Visit {
  readonly node: SchemaNode
  readonly schema: SchemaObject
  readonly value: unknown
  readonly pointer: string
  readonly scope: readonly Resource[]
  readonly violations: Violation[]
  readonly evaluated: Evaluated
}

const MAX_DEPTH = 2_000

/**
 * Checks finished values, for schemas that the mask enforces only in part. Exact for every assertion of 2020-12 and
 * the older spellings that the compiler reads; formats are asserted as the compiler asserts them.
 */
export class JsonValidator {
  readonly index: SchemaIndex
  readonly strings = new StringChecks()
  #depth = 0

  /** @throws EngineError GRAMMAR_INVALID for a document that is no schema. */
  constructor(schema: JsonSchema) {
    this.index = new SchemaIndex(schema)
  }

  /** What the value breaks; empty when it is valid. */
  validate(value: unknown): readonly Violation[] {
    const violations: Violation[] = []
    this.apply(this.index.root, value, '', [], violations)
    return violations
  }

  /** Adds what the value breaks to `violations`; gives what was evaluated, or null when anything was broken. */
  apply(
    node: SchemaNode,
    value: unknown,
    pointer: string,
    outer: readonly Resource[],
    violations: Violation[],
  ): Evaluated | null {
    const { schema } = node
    if (schema === true) return new Evaluated()
    if (schema === false) {
      violations.push({ pointer, keyword: 'false', message: 'No value is allowed here.' })
      return null
    }
    if (++this.#depth > MAX_DEPTH) throw invalidSchema(node.pointer, 'its references lead in a circle.')
    const scope = outer.includes(node.resource) ? outer : [...outer, node.resource]
    const before = violations.length
    const visit: Visit = {
      node,
      schema: schema as SchemaObject,
      value,
      pointer,
      scope,
      violations,
      evaluated: new Evaluated(),
    }
    this.#check(visit)
    this.#depth--
    return violations.length === before ? visit.evaluated : null
  }

  /** Order matters: the unevaluated keywords look at what all others have evaluated. */
  #check(visit: Visit): void {
    checkScalars(this, visit)
    this.#checkReferences(visit)
    this.#checkLogic(visit)
    if (Array.isArray(visit.value)) checkArray(this, visit)
    else if (typeof visit.value === 'object' && visit.value !== null) checkObject(this, visit)
  }

  /** Checks the same value against a subschema, and takes over what it evaluates. */
  inPlace(visit: Visit, ...tokens: readonly (string | number)[]): boolean {
    return this.#inPlaceNode(visit, this.index.child(visit.node, ...tokens))
  }

  #inPlaceNode(visit: Visit, node: SchemaNode): boolean {
    const evaluated = this.apply(node, visit.value, visit.pointer, visit.scope, visit.violations)
    if (evaluated !== null) visit.evaluated.add(evaluated)
    return evaluated !== null
  }

  /** Whether a value meets a subschema, without reporting why not. */
  test(visit: Visit, value: unknown, ...tokens: readonly (string | number)[]): Evaluated | null {
    return this.apply(this.index.child(visit.node, ...tokens), value, visit.pointer, visit.scope, [])
  }

  report(visit: Visit, keyword: string, message: string): void {
    visit.violations.push({ pointer: visit.pointer, keyword, message })
  }

  #checkReferences(visit: Visit): void {
    for (const keyword of ['$ref', '$dynamicRef'] as const) {
      const reference = visit.schema[keyword]
      if (typeof reference !== 'string') continue
      const found = this.index.resolve(visit.node, reference)
      if (found === null)
        throw invalidSchema(pointerTo(visit.node.pointer, keyword), `"${reference}" leads nowhere inside the schema.`)
      const { anchor } = found
      const dynamic =
        keyword === '$dynamicRef' && anchor !== null
          ? visit.scope.map(resource => resource.dynamicAnchors.get(anchor)).find(node => node !== undefined)
          : undefined
      this.#inPlaceNode(visit, dynamic ?? found.node)
    }
  }

  #checkLogic(visit: Visit): void {
    const { schema } = visit
    for (const [index] of list(schema.allOf).entries()) this.inPlace(visit, 'allOf', index)
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      if (!Array.isArray(schema[keyword])) continue
      const met = list(schema[keyword])
        .map((_, index) => this.test(visit, visit.value, keyword, index))
        .filter(evaluated => evaluated !== null)
      for (const evaluated of met) visit.evaluated.add(evaluated)
      if (met.length === 0) this.report(visit, keyword, 'None of the alternatives is met.')
      else if (keyword === 'oneOf' && met.length > 1)
        this.report(visit, keyword, `${met.length} of the alternatives are met, where one must be.`)
    }
    if (schema.not !== undefined && this.test(visit, visit.value, 'not') !== null)
      this.report(visit, 'not', 'The value meets what it must not meet.')
    this.#checkCondition(visit)
  }

  #checkCondition(visit: Visit): void {
    const { schema } = visit
    if (schema.if === undefined) return
    const met = this.test(visit, visit.value, 'if')
    if (met !== null) visit.evaluated.add(met)
    const branch = met === null ? 'else' : 'then'
    if (schema[branch] !== undefined) this.inPlace(visit, branch)
  }
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
