import type { ExpressionId } from '../expression.js'
import { alphabetOf } from '../regex/alphabet.js'
import type { EmitContext } from './emitter.js'
import type { Formula } from './formula.js'
import type { SchemaIssue } from './issues.js'
import { type MemberClass, type MemberKey, MemberMachine } from './member-machine.js'
import type { ObjectRecord } from './object-record.js'

/** Ways to meet "some key has such a value" that are written out as alternatives. */
const MAX_WAYS = 64
const MAX_CONDITIONS = 5
/** Keys without a place in the order that may stand in any order among the further keys; more of them get one. */
const MAX_FLOATING = 5

/** As keywords-object.ts refuses it of a `minProperties` that is written down; here it comes of other keywords together. */
const UNCOUNTABLE: SchemaIssue = {
  keyword: 'minProperties',
  pointer: '',
  hint: 'this schema asks for a least number of keys, perhaps by the contrary of a "maxProperties", of an object with further keys; those are not remembered and one could count twice',
  canValidate: true,
}

export class ObjectEmitter {
  readonly #context: EmitContext

  constructor(context: EmitContext) {
    this.#context = context
  }

  emit(record: ObjectRecord, depth: number): ExpressionId {
    const { store } = this.#context.expander.universe
    return store.choice(this.#ways(record).map(way => this.#emitWay(way, depth)))
  }

  /** Alternatives in which each remaining "some" speaks of keys outside of the names alone. */
  #ways(record: ObjectRecord): readonly ObjectRecord[] {
    const { formulas, keys, store } = this.#context.expander.universe
    if (record.some.length > MAX_CONDITIONS)
      throw store.nodes.tooComplex(`more than ${MAX_CONDITIONS} conditions ask for some key of an object`)
    let ways: ObjectRecord[] = [{ ...record, some: [] }]
    for (const each of record.some) {
      const next: ObjectRecord[] = ways.map(way => ({ ...way, some: [...way.some, each] }))
      for (const way of ways) {
        for (const [key, own] of way.names) {
          if (!keys.has(each.language, key)) continue
          const formula = formulas.and([own.formula, each.formula])
          next.push({ ...way, names: new Map([...way.names, [key, { ...own, formula, required: true }]]) })
        }
      }
      ways = next.filter(way => !this.#context.expander.emptiness.isEmptyObject(way))
      if (ways.length > MAX_WAYS) throw store.nodes.tooComplex('too many keys may hold what some key must hold')
    }
    return ways
  }

  #emitWay(record: ObjectRecord, depth: number): ExpressionId {
    const { emptiness, universe } = this.#context.expander
    if (emptiness.isEmptyObject(record)) return universe.store.fail
    const named: (MemberKey & { readonly declared: boolean })[] = []
    for (const [key, { formula, required, declared }] of record.names) {
      if (!emptiness.isEmpty(formula))
        named.push({
          text: this.#member(universe.store.literal(JSON.stringify(key)), formula, depth),
          required,
          declared,
        })
    }
    const anyOrder = this.#context.propertyOrder === 'any'
    const classes = this.#classes(record, depth)
    const required = named.reduce((count, key) => count + (key.required ? 1 : 0), 0)
    if (record.min > Math.max(1, required) && classes.length > 0) this.#context.report(UNCOUNTABLE)
    const loose = anyOrder ? named : named.filter(key => !key.declared)
    const floats = anyOrder || loose.length <= MAX_FLOATING
    const ordered = anyOrder ? [] : named.filter(key => key.declared || !floats)
    const machine = new MemberMachine(universe.store, this.#context.text.layout, depth, {
      ordered,
      floating: floats ? loose : [],
      classes,
      conditions: record.some.length,
      min: record.min,
      max: record.max,
    })
    return machine.build()
  }

  /**
   * Members outside of the names: each class as it is, as far as it settles some of what `some` asks for, and as far
   * as it has nothing to do with the keys of that.
   */
  #classes(record: ObjectRecord, depth: number): MemberClass[] {
    const { emptiness, universe } = this.#context.expander
    const { formulas, keys, store, strings } = universe
    const classes: MemberClass[] = []
    for (const { language, formula } of record.classes) {
      const taken = [...record.names.keys()].filter(key => keys.has(language, key))
      for (const { settles, avoids } of divide(record.some.length)) {
        const chosen = (bits: number) => record.some.filter((_, at) => (bits & (1 << at)) !== 0)
        const value = formulas.and([formula, ...chosen(settles).map(each => each.formula)])
        if (emptiness.isEmpty(value)) continue
        let wanted: ExpressionId | null = language
        for (const each of chosen(settles)) wanted = wanted === null ? null : keys.both(wanted, each.language)
        for (const each of chosen(avoids)) wanted = wanted === null ? null : keys.without(wanted, each.language)
        if (wanted !== null && taken.length > 0)
          wanted = keys.without(wanted, store.choice(taken.map(key => strings.spellings(key))))
        if (wanted !== null) classes.push({ text: this.#member(this.#key(wanted), value, depth), settles, avoids })
      }
    }
    return classes
  }

  #key(language: ExpressionId): ExpressionId {
    const { text, expander } = this.#context
    const { store } = expander.universe
    if (language === alphabetOf(store, 'json-string').anything) return text.string()
    return store.sequence(text.quote, language, text.quote)
  }

  #member(key: ExpressionId, value: Formula, depth: number): ExpressionId {
    const { text, expander } = this.#context
    return expander.universe.store.sequence(key, text.layout.colon, this.#context.emit(value, depth + 1))
  }
}

/** All ways for a member to settle some conditions, to avoid some others, and to do as it likes about the rest; as bits. */
function divide(conditions: number): { readonly settles: number; readonly avoids: number }[] {
  const ways: { settles: number; avoids: number }[] = []
  for (let settles = 0; settles < 1 << conditions; settles++)
    for (let avoids = 0; avoids < 1 << conditions; avoids++)
      if ((settles & avoids) === 0) ways.push({ settles, avoids })
  return ways
}
