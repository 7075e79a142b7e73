import type { SchemaNode } from './schema-index.js'
import type { Shape } from './shape.js'

/** Index of a formula in its table. A formula says of any JSON value whether it is legal; equal ids are equal formulas. */
export type Formula = number

export const ANYTHING: Formula = 0
export const NEVER: Formula = 1

export type FormulaNode =
  | { readonly kind: 'anything' }
  | { readonly kind: 'never' }
  /** Valid against a subschema, entered through the resources of a dynamic scope (an index of the compiler's). */
  | { readonly kind: 'schema'; readonly node: SchemaNode; readonly scope: number }
  | { readonly kind: 'shape'; readonly shape: Shape }
  | { readonly kind: 'and'; readonly members: readonly Formula[] }
  | { readonly kind: 'or'; readonly members: readonly Formula[] }
  | { readonly kind: 'not'; readonly member: Formula }
  /** Exactly one of the members holds. */
  | { readonly kind: 'one'; readonly members: readonly Formula[] }

/** Formulas, each stored once, with the simplifications that cost nothing. Members keep their order: keys are written in it. */
export class FormulaTable {
  readonly #nodes: FormulaNode[] = [{ kind: 'anything' }, { kind: 'never' }]
  readonly #known = new Map<string, Formula>()

  get size(): number {
    return this.#nodes.length
  }

  get(formula: Formula): FormulaNode {
    return this.#nodes[formula]!
  }

  schema(node: SchemaNode, scope: number): Formula {
    if (node.schema === true) return ANYTHING
    if (node.schema === false) return NEVER
    return this.#intern(`s${node.id},${scope}`, { kind: 'schema', node, scope })
  }

  shape(shape: Shape): Formula {
    return this.#nodes.push({ kind: 'shape', shape }) - 1
  }

  and(formulas: readonly Formula[]): Formula {
    return this.#combine('and', formulas, ANYTHING, NEVER)
  }

  or(formulas: readonly Formula[]): Formula {
    return this.#combine('or', formulas, NEVER, ANYTHING)
  }

  not(formula: Formula): Formula {
    if (formula === ANYTHING) return NEVER
    if (formula === NEVER) return ANYTHING
    const node = this.get(formula)
    return node.kind === 'not' ? node.member : this.#intern(`n${formula}`, { kind: 'not', member: formula })
  }

  one(formulas: readonly Formula[]): Formula {
    const members = formulas.filter(formula => formula !== NEVER)
    if (members.length === 0) return NEVER
    return members.length === 1 ? members[0]! : this.#intern(`one${members.join()}`, { kind: 'one', members })
  }

  #combine(kind: 'and' | 'or', formulas: readonly Formula[], neutral: Formula, absorbing: Formula): Formula {
    const members = new Set<Formula>()
    for (const formula of formulas) {
      const node = this.get(formula)
      if (formula === absorbing) return absorbing
      if (node.kind === kind) for (const member of node.members) members.add(member)
      else if (formula !== neutral) members.add(formula)
    }
    for (const member of members) {
      const node = this.get(member)
      if (node.kind === 'not' && members.has(node.member)) return absorbing
    }
    if (members.size === 0) return neutral
    const list = [...members]
    return list.length === 1 ? list[0]! : this.#intern(`${kind}${list.join()}`, { kind, members: list })
  }

  #intern(key: string, node: FormulaNode): Formula {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const formula = this.#nodes.push(node) - 1
    this.#known.set(key, formula)
    return formula
  }
}
