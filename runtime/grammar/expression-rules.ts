import type { ExpressionId, NodeTable } from './expression-nodes.js'

export interface RuleOptions {
  /**
   * The caller vouches that the rule's language is not empty, so that its body is not looked at before the
   * text gets there. Families of rules too many to be made (one for each set of keys left) need this.
   */
  readonly nonEmpty?: boolean
  /** With `nonEmpty`: least length of its strings in bytes, or a number below it. Default 0. Steers searches for a shortest ending. */
  readonly minLength?: number
}

interface Rule {
  readonly name: string
  readonly define: () => ExpressionId
  /** Null for an ordinary rule; what the caller vouched for otherwise. */
  readonly minLength: number | null
  body: ExpressionId | null
}

/** The rules of one store, by number. Bodies are made when they are first asked for. */
export class RuleTable {
  readonly #rules: Rule[] = []
  readonly #nodes: NodeTable

  constructor(nodes: NodeTable) {
    this.#nodes = nodes
  }

  get count(): number {
    return this.#rules.length
  }

  /** Returns the rule's number. */
  add(name: string, define: () => ExpressionId, { nonEmpty = false, minLength = 0 }: RuleOptions): number {
    return this.#rules.push({ name, define, minLength: nonEmpty ? minLength : null, body: null }) - 1
  }

  body(index: number): ExpressionId {
    const rule = this.#rules[index]!
    if (rule.body === null) {
      const outer = this.#nodes.currentRule
      this.#nodes.currentRule = rule.name
      rule.body = rule.define()
      this.#nodes.currentRule = outer
    }
    return rule.body
  }

  name(index: number): string {
    return this.#rules[index]!.name
  }

  /** Least length that the caller vouched for; null where the body tells. */
  minLength(index: number): number | null {
    return this.#rules[index]!.minLength
  }
}
