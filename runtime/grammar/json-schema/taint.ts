import type { Formula, FormulaNode } from './formula.js'
import type { Lowering } from './lowering.js'
import type { Shape } from './shape.js'

/** Which formulas rest on a keyword that is not enforced. Lowers all that is reachable before it answers. */
export class Taint {
  readonly #lowering: Lowering
  readonly #clean = new Set<Formula>()

  constructor(lowering: Lowering) {
    this.#lowering = lowering
  }

  isTainted(formula: Formula): boolean {
    if (this.#clean.has(formula)) return false
    const seen = new Set<Formula>()
    const queue = [formula]
    let isComplete = true
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next) || this.#clean.has(next)) continue
      seen.add(next)
      const node = this.#lowering.universe.formulas.get(next)
      if (this.#lowering.isBusy(next)) isComplete = false
      else if (node.kind === 'schema') {
        queue.push(this.#lowering.lower(next))
        if (this.#lowering.tainted.has(node.node)) return true
      } else queue.push(...childrenOf(node))
    }
    if (isComplete) for (const each of seen) this.#clean.add(each)
    return false
  }
}

/** Formulas that a formula is made of, or that the values inside its values must meet. */
export function childrenOf(node: FormulaNode): readonly Formula[] {
  switch (node.kind) {
    case 'and':
    case 'or':
    case 'one':
      return node.members
    case 'not':
      return [node.member]
    case 'shape':
      return childrenOfShape(node.shape)
    default:
      return []
  }
}

export function childrenOfShape(shape: Shape): readonly Formula[] {
  const children: Formula[] = []
  for (const { prefix, rest, contains } of shape.arrays)
    children.push(...prefix, rest, ...contains.map(each => each.formula))
  for (const { names, classes, some } of shape.objects) {
    for (const { formula } of names.values()) children.push(formula)
    for (const { formula } of [...classes, ...some]) children.push(formula)
  }
  return children
}
