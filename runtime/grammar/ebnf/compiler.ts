import type { ExpressionId, ExpressionStore } from '../expression.js'
import { findLeftRecursion, findNullableRules, isNullable } from './left-corners.js'
import { LeftRecursiveGroup } from './left-recursion.js'
import { type EbnfNode, type EbnfRules, sequenceOf } from './syntax.js'

/** Turns rules into expressions, one store rule for each, made when they are first reached. */
export class RuleCompiler {
  readonly store: ExpressionStore
  readonly rules: EbnfRules
  readonly #nullableRules: ReadonlySet<string>
  readonly #leftRecursive: ReadonlyMap<string, readonly string[]>
  readonly #whole = new Map<string, ExpressionId>()
  readonly #nonEmpty = new Map<string, ExpressionId>()
  readonly #groups = new Map<readonly string[], LeftRecursiveGroup>()

  constructor(store: ExpressionStore, rules: EbnfRules) {
    this.store = store
    this.rules = rules
    this.#nullableRules = findNullableRules(rules)
    this.#leftRecursive = findLeftRecursion(rules, this.#nullableRules)
  }

  isNullable(node: EbnfNode): boolean {
    return isNullable(node, this.#nullableRules)
  }

  rule(name: string): ExpressionId {
    let id = this.#whole.get(name)
    if (id === undefined) {
      const body = this.rules.get(name)!
      if (!this.#leftRecursive.has(name)) id = this.store.rule(name, () => this.expression(body))
      else if (this.#nullableRules.has(name)) id = this.store.optional(this.nonEmptyRule(name))
      else id = this.nonEmptyRule(name)
      this.#whole.set(name, id)
    }
    return id
  }

  expression(node: EbnfNode): ExpressionId {
    const { store } = this
    switch (node.kind) {
      case 'literal':
        return store.literal(node.text)
      case 'class':
        return store.codePoints(node.ranges)
      case 'sequence':
        return store.sequence(...node.parts.map(part => this.expression(part)))
      case 'choice':
        return store.choice(node.options.map(option => this.expression(option)))
      case 'repeat':
        return store.repeat(this.expression(node.node), node.min, node.max)
      case 'rule':
        return this.rule(node.name)
    }
  }

  /** The texts of a rule but the empty one. */
  nonEmptyRule(name: string): ExpressionId {
    let id = this.#nonEmpty.get(name)
    if (id === undefined) {
      const members = this.#leftRecursive.get(name)
      if (members !== undefined) id = this.#group(members).rule(name)
      else if (!this.#nullableRules.has(name)) id = this.rule(name)
      else id = this.store.rule(`${name} (not empty)`, () => this.nonEmpty(this.rules.get(name)!))
      this.#nonEmpty.set(name, id)
    }
    return id
  }

  /** The texts of a node but the empty one. */
  nonEmpty(node: EbnfNode): ExpressionId {
    const { store } = this
    switch (node.kind) {
      case 'choice':
        return store.choice(node.options.map(option => this.nonEmpty(option)))
      case 'sequence':
        // The first part that is not empty takes the lead; those before it are empty.
        return store.choice(
          this.leads(node.parts).map(index =>
            store.sequence(this.nonEmpty(node.parts[index]!), this.expression(sequenceOf(node.parts.slice(index + 1)))),
          ),
        )
      case 'repeat':
        if (node.max === 0) return store.fail
        return store.sequence(
          this.nonEmpty(node.node),
          store.repeat(this.expression(node.node), Math.max(0, node.min - 1), node.max - 1),
        )
      case 'rule':
        return this.nonEmptyRule(node.name)
      default:
        return this.isNullable(node) ? store.fail : this.expression(node)
    }
  }

  /** Indices of the parts of a sequence that may be the first that is not empty. */
  leads(parts: readonly EbnfNode[]): number[] {
    const indices: number[] = []
    for (let index = 0; index < parts.length; index++) {
      indices.push(index)
      if (!this.isNullable(parts[index]!)) break
    }
    return indices
  }

  #group(members: readonly string[]): LeftRecursiveGroup {
    let group = this.#groups.get(members)
    if (group === undefined) {
      group = new LeftRecursiveGroup(this, members)
      this.#groups.set(members, group)
    }
    return group
  }
}
