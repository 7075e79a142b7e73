import type { ExpressionId } from '../expression.js'
import type { JsonText } from '../json-text.js'
import { ArrayEmitter } from './emit-array.js'
import { ObjectEmitter } from './emit-object.js'
import type { Expander } from './expander.js'
import { ANYTHING, type Formula, NEVER } from './formula.js'
import type { SchemaIssue } from './issues.js'
import { NumberTexts } from './number-text.js'
import type { Shape } from './shape.js'
import { isAllStrings } from './string-set.js'

/** What the parts of the emitter share. */
export interface EmitContext {
  readonly text: JsonText
  readonly expander: Expander
  readonly numbers: NumberTexts
  readonly propertyOrder: 'schema' | 'any'
  /** The JSON texts of a formula's values at a nesting depth; `fail` when there are none. */
  emit(formula: Formula, depth: number): ExpressionId
  /** Notes a keyword that is not enforced. */
  report(issue: SchemaIssue): void
}

/** Turns formulas into expressions over JSON text. Where a formula comes back to itself, it becomes a rule. */
export class Emitter implements EmitContext {
  readonly text: JsonText
  readonly expander: Expander
  readonly numbers: NumberTexts
  readonly propertyOrder: 'schema' | 'any'
  /** Keywords that were left out. */
  readonly issues: SchemaIssue[] = []
  readonly #arrays: ArrayEmitter
  readonly #objects: ObjectEmitter
  readonly #known = new Map<string, ExpressionId>()
  readonly #rules = new Map<string, ExpressionId>()
  readonly #open = new Set<Formula>()

  constructor(expander: Expander, text: JsonText, propertyOrder: 'schema' | 'any') {
    this.text = text
    this.expander = expander
    this.numbers = new NumberTexts(expander.universe.store, text)
    this.propertyOrder = propertyOrder
    this.#arrays = new ArrayEmitter(this)
    this.#objects = new ObjectEmitter(this)
  }

  emit(formula: Formula, depth: number): ExpressionId {
    const { store } = this.expander.universe
    if (formula === NEVER || this.expander.emptiness.isEmpty(formula)) return store.fail
    if (formula === ANYTHING) return this.text.value(depth)
    const key = `${formula},${this.text.layout.depthKey(depth)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#open.has(formula)) return this.#rule(key, formula, depth)
    this.#open.add(formula)
    const id = this.#emitShape(this.expander.expand(formula), depth)
    this.#open.delete(formula)
    this.#known.set(key, id)
    return id
  }

  report(issue: SchemaIssue): void {
    if (!this.issues.some(known => known.pointer === issue.pointer)) this.issues.push(issue)
  }

  #rule(key: string, formula: Formula, depth: number): ExpressionId {
    let rule = this.#rules.get(key)
    if (rule === undefined) {
      const node = this.expander.universe.formulas.get(formula)
      const name = node.kind === 'schema' ? `#${node.node.pointer}` : 'a combination of schemas'
      rule = this.expander.universe.store.rule(name, () => this.emit(formula, depth), { nonEmpty: true, minLength: 1 })
      this.#rules.set(key, rule)
    }
    return rule
  }

  #emitShape(shape: Shape, depth: number): ExpressionId {
    const { store, strings } = this.expander.universe
    const { text } = this
    const parts: ExpressionId[] = []
    if (shape.hasNull) parts.push(text.keyword('null'))
    if (shape.hasTrue) parts.push(text.keyword('true'))
    if (shape.hasFalse) parts.push(text.keyword('false'))
    if (shape.numbers.length > 0) parts.push(this.numbers.ofSet(shape.numbers))
    if (isAllStrings(shape.strings)) parts.push(text.string())
    else if (!strings.isEmpty(shape.strings))
      parts.push(store.sequence(text.quote, strings.body(shape.strings), text.quote))
    for (const record of shape.arrays) parts.push(this.#arrays.emit(record, depth))
    for (const record of shape.objects) parts.push(this.#objects.emit(record, depth))
    return store.choice(parts)
  }
}
