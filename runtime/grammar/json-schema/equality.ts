/** Equality of JSON values: numbers by value, objects without regard to the order of their keys. */
export function equalValues(a: unknown, b: unknown): boolean {
  return a === b || canonicalText(a) === canonicalText(b)
}

/** One text for equal values. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value === 0 ? 0 : value)
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${canonicalText(item)}`)
  return `{${members.sort().join()}}`
}
