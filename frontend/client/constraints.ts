import type { Backend } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { isSlot, type ProgramIr, type SlotNode } from '../ir/node.js'
import { sentence } from '../ir/verify.js'
import { turnsOf } from '../ir/visit.js'
import { constraintOf } from './request.js'

/** Asks the backend about every constraint of a program, each once. Throws PROGRAM_INVALID, naming the slot, for one that it refuses. */
export async function checkConstraints(ir: ProgramIr, backend: Backend): Promise<void> {
  const slots = new Map<string, SlotNode>()
  for (const node of [...turnsOf(ir.body)].flatMap(turn => turn.content)) {
    if (isSlot(node) && node.kind !== 'select') slots.set(JSON.stringify(constraintOf(node)), node)
  }
  for (const node of slots.values()) {
    const constraint = node.kind === 'select' ? null : constraintOf(node)
    if (constraint === null) continue
    await backend.checkConstraint(constraint).catch(cause => {
      if (!EngineError.isInstance(cause) || !cause.code.startsWith('GRAMMAR_')) throw cause
      const where = `${node.kind} "${node.name}"`
      const what = sentence(ir.name, { where, message: cause.message.replace(/\.$/, '') })
      throw new EngineError('PROGRAM_INVALID', { program: ir.name, what, issues: [] }, { cause })
    })
  }
}
