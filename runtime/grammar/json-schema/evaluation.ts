import type { ExpressionId } from '../expression.js'
import { ANYTHING, type Formula } from './formula.js'
import { referenceTarget } from './keywords-logic.js'
import { keysOf } from './keywords-object.js'
import type { Lowering, Place } from './lowering.js'
import { compilePattern } from './patterns.js'
import type { SchemaNode, SchemaObject } from './schema-index.js'

/** What a schema evaluates of an object or array where `condition` holds. */
export interface Evaluation {
  readonly condition: Formula
  readonly all: boolean
  readonly keys: ReadonlySet<string>
  readonly languages: readonly ExpressionId[]
  /** The first so many items. */
  readonly items: number
  /** Items that meet one of these. */
  readonly contained: readonly Formula[]
}

type Kind = 'unevaluatedProperties' | 'unevaluatedItems'

const MAX_CASES = 128

const NONE: Evaluation = {
  condition: ANYTHING,
  all: false,
  keys: new Set(),
  languages: [],
  items: 0,
  contained: [],
}

/** The cases of the schema's own keywords, `keyword` itself left out. Throws UnsupportedKeyword where they are endless. */
export function evaluationCases(lowering: Lowering, place: Place, keyword: Kind): readonly Evaluation[] {
  return new Collector(lowering, place, keyword).ofKeywords(place, true)
}

class Collector {
  readonly #lowering: Lowering
  readonly #origin: Place
  readonly #kind: Kind
  readonly #open = new Set<SchemaNode>()

  constructor(lowering: Lowering, origin: Place, kind: Kind) {
    this.#lowering = lowering
    this.#origin = origin
    this.#kind = kind
  }

  ofKeywords(place: Place, isOrigin: boolean): readonly Evaluation[] {
    if (this.#open.has(place.node)) throw this.#refuse('the schemas beside it refer back to it')
    this.#open.add(place.node)
    let cases: readonly Evaluation[] = [
      this.#kind === 'unevaluatedProperties' ? this.#ownKeys(place, isOrigin) : this.#ownItems(place, isOrigin),
    ]
    for (const alternatives of this.#applicators(place)) cases = this.#product(cases, alternatives)
    this.#open.delete(place.node)
    return cases
  }

  #ownKeys(place: Place, isOrigin: boolean): Evaluation {
    const { schema } = place
    const all = schema.additionalProperties !== undefined || (!isOrigin && schema.unevaluatedProperties !== undefined)
    const languages = keysOf(this.#lowering, place, 'patternProperties').map(source =>
      compilePattern(this.#lowering, place, source, 'patternProperties'),
    )
    return { ...NONE, all, keys: new Set(keysOf(this.#lowering, place, 'properties')), languages }
  }

  #ownItems(place: Place, isOrigin: boolean): Evaluation {
    const { schema } = place
    const list = Array.isArray(schema.prefixItems) ? schema.prefixItems : schema.items
    const all =
      (schema.items !== undefined && !Array.isArray(schema.items)) ||
      (Array.isArray(schema.items) && schema.additionalItems !== undefined) ||
      (!isOrigin && schema.unevaluatedItems !== undefined)
    const contained = schema.contains === undefined ? [] : [this.#lowering.child(place, 'contains')]
    return { ...NONE, all, items: Array.isArray(list) ? list.length : 0, contained }
  }

  /** For each applicator in place, the cases of which one holds. */
  *#applicators(place: Place): Generator<readonly Evaluation[]> {
    const { schema } = place
    const lowering = this.#lowering
    for (const keyword of ['$ref', '$dynamicRef'] as const) {
      if (schema[keyword] === undefined) continue
      const node = referenceTarget(lowering, place, keyword)
      yield this.#of(node, place, null)
    }
    for (const [index] of list(schema.allOf).entries()) yield this.#child(place, ['allOf', index], null)
    for (const [index] of list(schema.anyOf).entries()) yield this.#maybe(this.#child(place, ['anyOf', index]))
    const single = list(schema.oneOf).flatMap((_, index) => this.#child(place, ['oneOf', index]))
    if (single.length > 0) yield simplify(single)
    if (schema.if !== undefined) yield this.#conditional(place)
    for (const key of keysOf(lowering, place, 'dependentSchemas')) {
      const { universe } = lowering
      const present = universe.objectsAlone(universe.objects.withName(key, ANYTHING, true))
      yield this.#maybe(this.#child(place, ['dependentSchemas', key], present))
    }
  }

  #conditional(place: Place): readonly Evaluation[] {
    const { schema } = place
    const unmet = this.#lowering.universe.formulas.not(this.#lowering.child(place, 'if'))
    const met = this.#child(place, ['if'])
    const then = schema.then === undefined ? [NONE] : this.#child(place, ['then'])
    const otherwise = schema.else === undefined ? [{ ...NONE, condition: unmet }] : this.#child(place, ['else'], unmet)
    return simplify([...this.#product(met, then), ...otherwise])
  }

  /** The cases of a subschema where it and `also` hold; null: it is known to hold. */
  #child(place: Place, tokens: readonly (string | number)[], also: Formula | null = ANYTHING): readonly Evaluation[] {
    return this.#of(this.#lowering.index.child(place.node, ...tokens), place, also)
  }

  #of(node: SchemaNode, place: Place, also: Formula | null): readonly Evaluation[] {
    const { formulas } = this.#lowering.universe
    const formula = this.#lowering.enter(node, place.scope)
    const holds = also === null ? ANYTHING : formulas.and([also, formula])
    const entered = formulas.get(formula)
    if (entered.kind !== 'schema') return [{ ...NONE, condition: holds }]
    const cases = this.ofKeywords({ node, schema: node.schema as SchemaObject, scope: entered.scope }, false)
    return cases.map(each => ({ ...each, condition: formulas.and([holds, each.condition]) }))
  }

  #maybe(cases: readonly Evaluation[]): readonly Evaluation[] {
    return cases.every(isNone) ? [NONE] : [NONE, ...cases.filter(each => !isNone(each))]
  }

  #product(a: readonly Evaluation[], b: readonly Evaluation[]): readonly Evaluation[] {
    if (a.length * b.length > MAX_CASES) throw this.#refuse('the branches beside it combine in too many ways')
    const { formulas } = this.#lowering.universe
    return a.flatMap(left =>
      b.map(right => ({
        condition: formulas.and([left.condition, right.condition]),
        all: left.all || right.all,
        keys: new Set([...left.keys, ...right.keys]),
        languages: [...left.languages, ...right.languages],
        items: Math.max(left.items, right.items),
        contained: [...left.contained, ...right.contained],
      })),
    )
  }

  #refuse(reason: string): Error {
    return this.#lowering.unsupported(this.#origin, this.#kind, `${reason}; use additionalProperties or items`)
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Of alternatives that evaluate nothing at all, which of them holds does not matter. */
function simplify(cases: readonly Evaluation[]): readonly Evaluation[] {
  return cases.every(isNone) ? [NONE] : cases
}

function isNone(evaluation: Evaluation): boolean {
  const { all, keys, languages, items, contained } = evaluation
  return !all && keys.size === 0 && languages.length === 0 && items === 0 && contained.length === 0
}
