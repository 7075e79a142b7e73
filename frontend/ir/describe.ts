/** A value as an error message shows it: short, and safe for anything. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if ('ir' in value && typeof value.ir === 'object' && value.ir !== null && 'kind' in value.ir)
    return `a ${value.ir.kind}`
  if ('kind' in value && value.kind === 'media') return 'image() or video() (a program takes its pictures as inputs)'
  const { name } = value.constructor ?? {}
  return name === undefined || name === 'Object' ? 'an object' : `a ${name}`
}
