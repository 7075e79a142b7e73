import { ROOM } from '../distinct-values.js'
import type { ExpressionId } from '../expression.js'
import { type ArrayRecord, type ContainsCount, itemFormula } from './array-record.js'
import type { EmitContext } from './emitter.js'
import type { Formula } from './formula.js'
import { ItemMachine } from './item-machine.js'
import { itemTexts } from './item-texts.js'
import { listValues } from './list-values.js'

const MAX_CONTAINS = 4
/** Values that the items of an array without repetition may be chosen from. */
const MAX_UNIQUE = 512

export class ArrayEmitter {
  readonly #context: EmitContext

  constructor(context: EmitContext) {
    this.#context = context
  }

  emit(source: ArrayRecord, depth: number): ExpressionId {
    const record = this.#simplify(source)
    const { emptiness, universe } = this.#context.expander
    if (emptiness.isEmptyArray(record)) return universe.store.fail
    if (record.repeated !== null) {
      this.#report(record.repeated, 'its contrary would have to remember every item')
      return this.emit({ ...record, repeated: null, min: Math.max(record.min, 2) }, depth)
    }
    if (record.unique !== null && record.max > 1) return this.#emitUnique(record, record.unique, depth)
    return record.contains.length > 0 ? this.#emitContains(record, depth) : this.#emitPlain(record, depth)
  }

  /** Cuts the length where an item is impossible, and turns "no such item" into what the items must meet. */
  #simplify(source: ArrayRecord): ArrayRecord {
    const { formulas } = this.#context.expander.universe
    let record = source
    for (const each of source.contains) {
      if (each.max > 0) continue
      const other = formulas.not(each.formula)
      const length = Math.max(record.prefix.length, each.from)
      const prefix = Array.from({ length }, (_, index) =>
        index < each.from ? itemFormula(record, index) : formulas.and([itemFormula(record, index), other]),
      )
      record = { ...record, prefix, rest: formulas.and([record.rest, other]) }
    }
    const contains = record.contains.filter(each => each.max > 0 && (each.min > 0 || each.max < record.max))
    return { ...record, contains, max: this.#reach(record) }
  }

  #reach(record: ArrayRecord): number {
    const { emptiness } = this.#context.expander
    const last = Math.min(record.max, record.prefix.length)
    for (let index = 0; index < last; index++) if (emptiness.isEmpty(record.prefix[index]!)) return index
    return record.max > record.prefix.length && emptiness.isEmpty(record.rest) ? record.prefix.length : record.max
  }

  #emitPlain(record: ArrayRecord, depth: number): ExpressionId {
    const { store } = this.#context.expander.universe
    const { layout } = this.#context.text
    const { min, max, prefix } = record
    const item = (index: number) => this.#item(itemFormula(record, index), depth)
    if (max === 0) return layout.emptyArray
    const length = Math.min(prefix.length, max)
    const comma = layout.comma(depth)
    const close = layout.close(']', depth)
    const known = Math.max(1, length)
    const more = max > known ? store.sequence(comma, item(known)) : store.fail
    let rest = store.sequence(store.repeat(more, Math.max(0, min - known), max - known), close)
    for (let index = known - 1; index > 0; index--) {
      const longer = store.sequence(comma, item(index), rest)
      rest = index >= min ? store.choice([close, longer]) : longer
    }
    const some = store.sequence(layout.open('[', depth), item(0), rest)
    return min === 0 ? store.choice([layout.emptyArray, some]) : some
  }

  #item(formula: Formula, depth: number): ExpressionId {
    return this.#context.emit(formula, depth + 1)
  }

  #emitContains(record: ArrayRecord, depth: number): ExpressionId {
    const { store } = this.#context.expander.universe
    if (record.contains.length > MAX_CONTAINS)
      throw store.nodes.tooComplex(`more than ${MAX_CONTAINS} "contains" apply to one array`)
    const { layout } = this.#context.text
    const machine = new ItemMachine(store, layout, depth, {
      start: record.contains.map(() => 0).join(),
      mayEnd: (state, length) =>
        length >= record.min && counts(state).every((count, at) => count >= record.contains[at]!.min),
      items: (state, index) => (index < record.max ? this.#countedItems(record, counts(state), index, depth) : []),
      lengthLimit: lengthLimit(record),
      nonEmpty: false,
    })
    return machine.build()
  }

  /** What the item at `index` may be, by which of the counts it adds to. */
  #countedItems(record: ArrayRecord, counted: readonly number[], index: number, depth: number) {
    const { formulas } = this.#context.expander.universe
    const items: { readonly text: ExpressionId; readonly next: string }[] = []
    const { contains } = record
    for (let hits = 0; hits < 1 << contains.length; hits++) {
      const isHit = (at: number) => (hits & (1 << at)) !== 0
      if (contains.some((each, at) => isHit(at) && (index < each.from || counted[at]! >= each.max))) continue
      const asked = contains.flatMap((each, at) => this.#askOf(each, isHit(at), index))
      const formula = formulas.and([itemFormula(record, index), ...asked])
      if (this.#context.expander.emptiness.isEmpty(formula)) continue
      const next = contains.map((each, at) => {
        const most = each.max === Number.POSITIVE_INFINITY ? each.min : each.max
        return Math.min(counted[at]! + (isHit(at) ? 1 : 0), most)
      })
      items.push({ text: this.#item(formula, depth), next: next.join() })
    }
    return items
  }

  /** An item that is not counted must fail the formula only where too many could be counted. */
  #askOf(each: ContainsCount, isHit: boolean, index: number): readonly Formula[] {
    if (isHit) return [each.formula]
    if (index < each.from || each.max === Number.POSITIVE_INFINITY) return []
    return [this.#context.expander.universe.formulas.not(each.formula)]
  }

  /** What cannot be enforced is left out: nothing that is emitted stands under a "not" any more. */
  #report(pointer: string, hint: string): void {
    this.#context.report({ keyword: 'uniqueItems', pointer, hint, canValidate: true })
  }

  #emitUnique(record: ArrayRecord, pointer: string, depth: number): ExpressionId {
    const { store } = this.#context.expander.universe
    if (record.contains.length > 0) {
      this.#report(pointer, 'not together with "contains"; list the allowed combinations with "enum"')
      return this.emit({ ...record, unique: null }, depth)
    }
    const values = [...record.prefix, record.rest].map(formula =>
      listValues(this.#context.expander, formula, MAX_UNIQUE),
    )
    if (values.some(list => list === null)) {
      const distinct = this.#emitDistinct(record, depth)
      if (distinct !== null) return distinct
      this.#report(pointer, 'items must be no arrays or objects, and of enough values for "minItems"')
      return this.emit({ ...record, unique: null }, depth)
    }
    const lists = values.map(list => new Set(list))
    const all = [...new Set(values.flatMap(list => list ?? []))]
    const texts = all.map(value => this.#item(this.#context.expander.universe.value(JSON.parse(value)), depth))
    const machine = new ItemMachine(store, this.#context.text.layout, depth, {
      start: '',
      mayEnd: (_, length) => length >= record.min,
      items: (used, index) => {
        if (index >= record.max) return []
        const taken = new Set(used === '' ? [] : used.split(',').map(Number))
        return all.flatMap((value, at) => {
          const list = lists[Math.min(index, record.prefix.length)]!
          if (taken.has(at) || !list.has(value)) return []
          return [{ text: texts[at]!, next: [...taken, at].sort((a, b) => a - b).join() }]
        })
      },
      lengthLimit: Math.max(record.prefix.length, record.min, record.max === Infinity ? 0 : record.max),
      nonEmpty: record.prefix.length === 0 && record.min <= all.length,
    })
    return machine.build()
  }

  /** Items of more values than can be listed; null where some are containers, or one might find no value left for it. */
  #emitDistinct(record: ArrayRecord, depth: number): ExpressionId | null {
    const { store } = this.#context.expander.universe
    const { layout } = this.#context.text
    const prefix = record.prefix.map(formula => itemTexts(this.#context, formula))
    const rest = itemTexts(this.#context, record.rest)
    if (rest === null || !prefix.every(item => item !== null)) return null
    const { min, max } = record
    if (min > ROOM) return null
    for (let index = 0; index < min; index++) if ((prefix[index] ?? rest).count <= index) return null
    const array = { prefix, rest, min, max, comma: layout.comma(depth), close: layout.close(']', depth) }
    const some = store.sequence(layout.open('[', depth), store.items.start(array))
    return min === 0 ? store.choice([layout.emptyArray, some]) : some
  }
}

function lengthLimit(record: ArrayRecord): number {
  const known = Math.max(record.prefix.length, record.min, ...record.contains.map(each => each.from))
  return record.max === Number.POSITIVE_INFINITY ? known : record.max
}

function counts(state: string): readonly number[] {
  return state.split(',').map(Number)
}
