import { parentPort } from 'node:worker_threads'
import { toEngineError } from '../protocol/error.js'
import { compileExpression } from './compile.js'
import type { CompileReply, CompileRequest } from './compile-protocol.js'
import { packStore, transferablesOf } from './expression-transfer.js'

/** Thread of CompileWorker. Has no clock of its own: whoever asked ends it when the time is up. */
parentPort?.on('message', ({ constraint, ...options }: CompileRequest) => {
  let reply: CompileReply
  try {
    const { store, root, issues } = compileExpression(constraint, options)
    reply = { kind: 'compiled', packed: packStore(store, root), issues }
  } catch (error) {
    const { code, data } = toEngineError(error)
    reply = { kind: 'failed', code, data: JSON.parse(JSON.stringify(data)) }
  }
  parentPort?.postMessage(reply, reply.kind === 'compiled' ? transferablesOf(reply.packed) : [])
})
