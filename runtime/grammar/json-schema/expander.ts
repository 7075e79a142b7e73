import type { ExpressionStore } from '../expression.js'
import { Discriminators } from './discriminators.js'
import { Emptiness } from './emptiness.js'
import type { Formula, FormulaNode } from './formula.js'
import { ReferenceCircle } from './issues.js'
import { Lowering } from './lowering.js'
import type { SchemaIndex } from './schema-index.js'
import type { Shape } from './shape.js'
import { Subsumption } from './subsumption.js'
import { Taint } from './taint.js'
import { Universe } from './universe.js'

const MAX_FORMULAS = 60_000

/** Works out what values a formula allows, one level deep at a time, and whether any at all. */
export class Expander {
  readonly universe: Universe
  readonly lowering: Lowering
  readonly emptiness: Emptiness
  readonly #taint: Taint
  readonly #discriminators: Discriminators
  readonly #known = new Map<Formula, Shape>()
  readonly #open = new Set<Formula>()

  constructor(store: ExpressionStore, index: SchemaIndex) {
    this.universe = new Universe(store)
    this.lowering = new Lowering(this.universe, index, {
      expand: formula => this.#expandApart(formula),
      isTainted: formula => this.#taint.isTainted(formula),
    })
    this.emptiness = new Emptiness(this)
    this.#taint = new Taint(this.lowering)
    this.#discriminators = new Discriminators(this)
    const subsumption = new Subsumption(this)
    this.universe.objects.isSurelyEmpty = formula => this.emptiness.isSurelyEmpty(formula)
    this.universe.shapes.reduceObjects = records => subsumption.reduce(records)
  }

  /** Whether the formula is being expanded right now. */
  isOpen(formula: Formula): boolean {
    return this.#open.has(formula)
  }

  expand(formula: Formula): Shape {
    const known = this.#known.get(formula)
    if (known !== undefined) return known
    const { store, formulas } = this.universe
    if (this.#open.has(formula)) throw this.#loop(formula)
    if (formulas.size > MAX_FORMULAS) throw store.nodes.tooComplex('its keywords combine in too many ways')
    store.nodes.checkDeadline()
    this.#open.add(formula)
    try {
      const shape = this.#compute(formulas.get(formula), formula)
      this.#known.set(formula, shape)
      return shape
    } finally {
      this.#open.delete(formula)
    }
  }

  /** null where the formula comes back to one that is being expanded. */
  #expandApart(formula: Formula): Shape | null {
    try {
      return this.expand(formula)
    } catch (error) {
      if (error instanceof ReferenceCircle) return null
      throw error
    }
  }

  #compute(node: FormulaNode, formula: Formula): Shape {
    const { shapes } = this.universe
    switch (node.kind) {
      case 'anything':
        return shapes.anything
      case 'never':
        return shapes.nothing
      case 'shape':
        return node.shape
      case 'schema':
        return this.expand(this.lowering.lower(formula))
      case 'and':
        return node.members.reduce((shape, member) => shapes.intersect(shape, this.expand(member)), shapes.anything)
      case 'or':
        return shapes.unite(node.members.map(member => this.expand(member)))
      case 'not':
        // Nothing can be said of the contrary of a schema that is only partly understood.
        if (this.#taint.isTainted(node.member)) return shapes.anything
        return this.#contrary(node.member)
      case 'one':
        return this.expand(this.#exclusive(node.members))
    }
  }

  /** By De Morgan's laws, so that complements are only ever taken of single keywords. */
  #contrary(formula: Formula): Shape {
    const { formulas, shapes } = this.universe
    const node = formulas.get(formula)
    switch (node.kind) {
      case 'schema':
        return this.expand(formulas.not(this.lowering.lower(formula)))
      case 'and':
        return this.expand(formulas.or(node.members.map(member => formulas.not(member))))
      case 'or':
        return this.expand(formulas.and(node.members.map(member => formulas.not(member))))
      case 'one': {
        const none = formulas.and(node.members.map(member => formulas.not(member)))
        const pairs = node.members.flatMap((member, at) =>
          node.members.slice(at + 1).map(other => formulas.and([member, other])),
        )
        return this.expand(formulas.or([none, ...pairs]))
      }
      default:
        return shapes.complement(this.expand(formula))
    }
  }

  /** `oneOf`: each branch without the branches that it shares values with. */
  #exclusive(members: readonly Formula[]): Formula {
    const { formulas } = this.universe
    const overlaps: Formula[][] = members.map(() => [])
    for (let i = 0; i < members.length; i++) {
      for (let j = i + 1; j < members.length; j++) {
        if (this.#discriminators.exclude(members[i]!, members[j]!)) continue
        const both = formulas.and([members[i]!, members[j]!])
        if (members[i] !== members[j] && this.emptiness.isSurelyEmpty(both)) continue
        overlaps[i]!.push(members[j]!)
        overlaps[j]!.push(members[i]!)
      }
    }
    return formulas.or(
      members.map((member, at) => formulas.and([member, ...overlaps[at]!.map(other => formulas.not(other))])),
    )
  }

  #loop(formula: Formula): Error {
    const open = [...this.#open, formula].map(each => this.universe.formulas.get(each))
    const nodes = open.filter(each => each.kind === 'schema').map(each => each.node)
    return new ReferenceCircle(nodes.at(-1)?.pointer ?? '')
  }
}
