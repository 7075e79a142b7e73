import type { Backend } from '../../runtime/protocol/backend.js'
import type { ProgramIr } from '../ir/node.js'
import { constantPrefix } from '../ir/prefix.js'
import { Frame } from './frame.js'
import { readInputs } from './inputs.js'
import { prefixMessages } from './interpret.js'
import { isWorthWarming } from './warm.js'

type Values = Readonly<Record<string, unknown>>

/**
 * Computes what all items of a batch begin with once, before they all ask for it at the same time: the program's
 * constant text, and inputs that are the same in every item of an array (many questions about one picture).
 * Throws nothing: whatever is wrong with a prefix is wrong with the items, and each of them says so itself.
 */
export async function warmBatch(ir: ProgramIr, items: unknown, backend: Backend, signal?: AbortSignal): Promise<void> {
  const listed: readonly Values[] = Array.isArray(items) ? items : []
  if (Array.isArray(items) && items.length < 2) return
  const known = constantInputs(Object.keys(ir.inputs), listed)
  const pick = <T>(values: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(values).filter(([name]) => known.has(name)))
  const options = signal === undefined ? {} : { signal }
  await readInputs(ir.name, pick(ir.inputs), pick(listed[0] ?? {}))
    .then(inputs =>
      prefixMessages(constantPrefix(ir.body, known), new Frame(null, '', []), { program: ir.name, inputs }),
    )
    .then(messages => (isWorthWarming(messages) ? backend.warm({ kind: 'chat', messages }, options) : null))
    .catch(() => null)
}

/** Inputs with one value in all items. Bytes are compared by identity, which is what a batch about one picture has. */
export function constantInputs(names: readonly string[], items: readonly Values[]): ReadonlySet<string> {
  const key = (value: unknown): unknown => (value instanceof URL ? value.href : value)
  const [first, ...others] = items
  if (first === undefined) return new Set()
  return new Set(names.filter(name => others.every(item => key(item?.[name]) === key(first?.[name]))))
}
