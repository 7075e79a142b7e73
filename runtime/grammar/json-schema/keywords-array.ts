import { ANY_ARRAY } from './array-record.js'
import { ANYTHING, type Formula } from './formula.js'
import { pointerTo } from './issues.js'
import type { Keyword, Lowering, Place } from './lowering.js'

/** `items` is a list up to draft 2019-09, with `additionalItems` for the rest; later that is `prefixItems` and `items`. */
const items: Keyword = (lowering, place) => {
  const { schema } = place
  const list = Array.isArray(schema.prefixItems) ? 'prefixItems' : Array.isArray(schema.items) ? 'items' : null
  const prefix: Formula[] = []
  if (list !== null) {
    for (const index of (schema[list] as readonly unknown[]).keys()) prefix.push(lowering.child(place, list, index))
  }
  if (schema.prefixItems !== undefined && !Array.isArray(schema.prefixItems))
    throw lowering.invalid(place, 'prefixItems', 'a list of schemas')
  return lowering.universe.ofArrays({ ...ANY_ARRAY, prefix, rest: restOf(lowering, place) })
}

function restOf(lowering: Lowering, place: Place): Formula {
  const { schema } = place
  if (schema.items !== undefined && !Array.isArray(schema.items)) return lowering.child(place, 'items')
  if (Array.isArray(schema.items) && schema.additionalItems !== undefined)
    return lowering.child(place, 'additionalItems')
  return ANYTHING
}

const itemCount: Keyword = (lowering, place) => {
  const min = lowering.count(place, 'minItems', 0)
  const max = lowering.count(place, 'maxItems', Number.POSITIVE_INFINITY)
  return min > max ? lowering.universe.ofArrays() : lowering.universe.ofArrays({ ...ANY_ARRAY, min, max })
}

const contains: Keyword = (lowering, place) => {
  if (place.schema.contains === undefined) return ANYTHING
  const formula = lowering.child(place, 'contains')
  const min = lowering.count(place, 'minContains', 1)
  const max = lowering.count(place, 'maxContains', Number.POSITIVE_INFINITY)
  if (min > max) return lowering.universe.ofArrays()
  return lowering.universe.ofArrays({ ...ANY_ARRAY, contains: [{ formula, from: 0, min, max }] })
}

const uniqueItems: Keyword = (lowering, place) => {
  if (typeof place.schema.uniqueItems !== 'boolean') throw lowering.invalid(place, 'uniqueItems', 'a boolean')
  if (!place.schema.uniqueItems) return ANYTHING
  return lowering.universe.ofArrays({ ...ANY_ARRAY, unique: pointerTo(place.node.pointer, 'uniqueItems') })
}

export const ARRAY_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ['prefixItems', items],
  ['items', items],
  ['additionalItems', items],
  ['minItems', itemCount],
  ['maxItems', itemCount],
  ['contains', contains],
  ['minContains', contains],
  ['maxContains', contains],
  ['uniqueItems', uniqueItems],
]
