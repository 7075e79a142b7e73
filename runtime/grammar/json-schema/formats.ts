import type { ExpressionId, ExpressionStore } from '../expression.js'

export function isKnownFormat(_name: string): boolean {
  return false
}

export function compileFormat(store: ExpressionStore, _name: string): ExpressionId {
  return store.anything
}
