import type { ExpressionId } from '../expression.js'
import type { RuleCompiler } from './compiler.js'
import { type EbnfNode, sequenceOf } from './syntax.js'

/** A rule R of the group as R = base | first_1 tails_1 | first_2 tails_2 ..., the firsts being rules of the group. */
interface Split {
  readonly base: ExpressionId[]
  readonly tails: Map<string, EbnfNode[]>
}

/**
 * Rules that begin with each other, rewritten to begin with something else. Over their non-empty texts they solve
 * the linear equations R_k = base_k | R_j A_jk, whose least solution is R_i = base_j T_ji, where T is the closure of
 * the matrix A. T is made of rules that recur at their end: with A = E | N (E: the tails that may be empty, as a
 * Boolean matrix; N: the non-empty texts of the tails), T = E* | E* N T.
 */
export class LeftRecursiveGroup {
  readonly #compiler: RuleCompiler
  readonly #members: readonly string[]
  readonly #splits = new Map<string, Split>()
  /** Members that each member is one of by itself: row j of E*. */
  readonly #units = new Map<string, ReadonlySet<string>>()
  readonly #closures = new Map<string, ExpressionId>()

  constructor(compiler: RuleCompiler, members: readonly string[]) {
    this.#compiler = compiler
    this.#members = members
  }

  /** The non-empty texts of a member. */
  rule(name: string): ExpressionId {
    const { store } = this.#compiler
    return store.rule(name, () =>
      store.choice(
        this.#members.map(first => store.sequence(store.choice(this.#splitOf(first).base), this.#closure(first, name))),
      ),
    )
  }

  /** What may follow a text of `from` to make it one of `to`: T_from,to. */
  #closure(from: string, to: string): ExpressionId {
    const key = JSON.stringify([from, to])
    let id = this.#closures.get(key)
    if (id === undefined) {
      id = this.#compiler.store.rule(`${to} after ${from}`, () => this.#defineClosure(from, to))
      this.#closures.set(key, id)
    }
    return id
  }

  #defineClosure(from: string, to: string): ExpressionId {
    const { store } = this.#compiler
    const options: ExpressionId[] = this.#unitsOf(from).has(to) ? [store.empty] : []
    for (const next of this.#members) {
      const tails: ExpressionId[] = []
      for (const unit of this.#unitsOf(from)) {
        for (const tail of this.#splitOf(next).tails.get(unit) ?? []) tails.push(this.#compiler.nonEmpty(tail))
      }
      const tail = store.choice(tails)
      if (tail !== store.fail) options.push(store.sequence(tail, this.#closure(next, to)))
    }
    return store.choice(options)
  }

  /** Sorts the non-empty texts of node and tail (together) by what they begin with. */
  #split(node: EbnfNode, tail: readonly EbnfNode[], into: Split): void {
    const { store } = this.#compiler
    switch (node.kind) {
      case 'choice':
        for (const option of node.options) this.#split(option, tail, into)
        return
      case 'sequence':
        for (const index of this.#compiler.leads(node.parts))
          this.#split(node.parts[index]!, [...node.parts.slice(index + 1), ...tail], into)
        return
      case 'repeat': {
        if (node.max === 0) return
        const more: EbnfNode = { ...node, min: Math.max(0, node.min - 1), max: node.max - 1 }
        this.#split(node.node, [more, ...tail], into)
        return
      }
      case 'rule': {
        if (!this.#members.includes(node.name)) break
        const tails = into.tails.get(node.name)
        if (tails === undefined) into.tails.set(node.name, [sequenceOf(tail)])
        else tails.push(sequenceOf(tail))
        return
      }
    }
    into.base.push(store.sequence(this.#compiler.nonEmpty(node), this.#compiler.expression(sequenceOf(tail))))
  }

  #splitOf(name: string): Split {
    let split = this.#splits.get(name)
    if (split === undefined) {
      split = { base: [], tails: new Map() }
      this.#splits.set(name, split)
      this.#split(this.#compiler.rules.get(name)!, [], split)
    }
    return split
  }

  #unitsOf(name: string): ReadonlySet<string> {
    const known = this.#units.get(name)
    if (known !== undefined) return known
    const units = new Set([name])
    this.#units.set(name, units)
    for (const unit of units) {
      for (const member of this.#members) {
        const tails = this.#splitOf(member).tails.get(unit) ?? []
        if (tails.some(tail => this.#compiler.isNullable(tail))) units.add(member)
      }
    }
    return units
  }
}
