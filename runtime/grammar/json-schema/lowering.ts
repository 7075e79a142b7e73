import { decimalOf } from './decimal.js'
import { ANYTHING, type Formula } from './formula.js'
import { invalidSchema, pointerTo, type SchemaIssue, UnsupportedKeyword } from './issues.js'
import { KEYWORDS } from './keywords.js'
import { describe, type Resource, type SchemaIndex, type SchemaNode, type SchemaObject } from './schema-index.js'
import type { Shape } from './shape.js'
import type { Universe } from './universe.js'

/** A subschema with the dynamic scope it is entered in: all that a keyword's meaning depends on. */
export interface Place {
  readonly node: SchemaNode
  readonly schema: SchemaObject
  readonly scope: number
}

/** Makes the formula of one group of keywords. May throw UnsupportedKeyword. */
export type Keyword = (lowering: Lowering, place: Place) => Formula

/** What lowering asks of those who read its formulas. */
export interface LoweringServices {
  /** null for a formula that is being expanded right now. */
  expand(formula: Formula): Shape | null
  /** Whether a formula rests on a keyword that is left out. */
  isTainted(formula: Formula): boolean
}

/**
 * Turns subschemas into formulas, one level at a time. A keyword that cannot be enforced is noted as an issue and
 * left out, so that one pass finds them all.
 */
export class Lowering {
  readonly universe: Universe
  readonly index: SchemaIndex
  readonly issues: SchemaIssue[] = []
  /** Schemas with an issue of their own. */
  readonly tainted = new Set<SchemaNode>()
  readonly #services: LoweringServices
  readonly #lowered = new Map<Formula, Formula>()
  readonly #busy = new Set<Formula>()
  readonly #scopes: (readonly Resource[])[] = [[]]

  constructor(universe: Universe, index: SchemaIndex, services: LoweringServices) {
    this.universe = universe
    this.index = index
    this.#services = services
  }

  root(): Formula {
    return this.enter(this.index.root, 0)
  }

  /** The formula for being valid against a schema that is entered from `scope`. */
  enter(node: SchemaNode, scope: number): Formula {
    return this.universe.formulas.schema(node, this.#extend(scope, node.resource))
  }

  /** The formula of the subschema under a keyword (and further tokens). */
  child(place: Place, ...tokens: readonly (string | number)[]): Formula {
    return this.enter(this.index.child(place.node, ...tokens), place.scope)
  }

  /** What a `schema` formula says, in terms of its keywords. */
  lower(formula: Formula): Formula {
    const known = this.#lowered.get(formula)
    if (known !== undefined) return known
    const entered = this.universe.formulas.get(formula)
    if (entered.kind !== 'schema') return formula
    const { node, scope } = entered
    const place: Place = { node, schema: node.schema as SchemaObject, scope }
    this.#busy.add(formula)
    try {
      const lowered = this.universe.formulas.and(this.#apply(place))
      this.#lowered.set(formula, lowered)
      return lowered
    } finally {
      this.#busy.delete(formula)
    }
  }

  /** Whether the formula is being lowered right now. */
  isBusy(formula: Formula): boolean {
    return this.#busy.has(formula)
  }

  #apply(place: Place): Formula[] {
    const done = new Set<Keyword>()
    const formulas: Formula[] = []
    for (const name of Object.keys(place.schema)) {
      const keyword = KEYWORDS.get(name)
      if (keyword === undefined || done.has(keyword) || place.schema[name] === undefined) continue
      done.add(keyword)
      formulas.push(this.#attempt(place, keyword))
    }
    return formulas
  }

  #attempt(place: Place, keyword: Keyword): Formula {
    try {
      return keyword(this, place)
    } catch (error) {
      if (!(error instanceof UnsupportedKeyword)) throw error
      this.note(place, error.issue)
      return ANYTHING
    }
  }

  /** Notes a part of a schema that is left out. */
  note(place: Place, issue: SchemaIssue): void {
    if (!this.issues.some(known => known.pointer === issue.pointer)) this.issues.push(issue)
    this.tainted.add(place.node)
  }

  /** Resources in the order in which the dynamic scope entered them first. */
  scopeResources(scope: number): readonly Resource[] {
    return this.#scopes[scope]!
  }

  #extend(scope: number, resource: Resource): number {
    if (!this.index.hasDynamicAnchors) return 0
    const resources = this.#scopes[scope]!
    if (resources.includes(resource)) return scope
    const wanted = [...resources, resource]
    const known = this.#scopes.findIndex(
      each => each.length === wanted.length && each.every((one, at) => one === wanted[at]),
    )
    return known >= 0 ? known : this.#scopes.push(wanted) - 1
  }

  /** The values of a formula now rather than later; for `keyword`, which depends on them. */
  expand(formula: Formula, place: Place, keyword: string): Shape {
    const shape = this.#services.expand(formula)
    if (shape === null) throw this.unsupported(place, keyword, 'it refers back to the schema that it is part of')
    if (this.#services.isTainted(formula)) this.tainted.add(place.node)
    return shape
  }

  unsupported(place: Place, keyword: string, hint: string, canValidate = true): UnsupportedKeyword {
    return new UnsupportedKeyword({ keyword, pointer: pointerTo(place.node.pointer, keyword), hint, canValidate })
  }

  invalid(place: Place, keyword: string, wanted: string): Error {
    const pointer = pointerTo(place.node.pointer, keyword)
    return invalidSchema(pointer, `"${keyword}" must be ${wanted}, not ${describe(place.schema[keyword])}.`)
  }

  /** A count such as `maxItems`; `fallback` where the keyword is absent. */
  count(place: Place, keyword: string, fallback: number): number {
    const value = place.schema[keyword]
    if (value === undefined) return fallback
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw this.invalid(place, keyword, 'a whole number of at least 0')
    return value
  }

  decimal(place: Place, keyword: string) {
    const value = place.schema[keyword]
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.invalid(place, keyword, 'a number')
    return decimalOf(value)
  }

  strings(place: Place, keyword: string): readonly string[] {
    const value = place.schema[keyword]
    if (!Array.isArray(value) || !value.every(item => typeof item === 'string'))
      throw this.invalid(place, keyword, 'a list of strings')
    return value
  }
}
