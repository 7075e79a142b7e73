import { threadId } from 'node:worker_threads'

export type ScriptedRequest =
  | { readonly op: 'echo'; readonly value: unknown }
  | { readonly op: 'fail'; readonly error: object }
  | { readonly op: 'throw' }
  | { readonly op: 'exit' }

let numCalls = 0

/** Entry of a worker that answers, fails as data, throws against the rules, or dies. */
export default async function handle(request: ScriptedRequest): Promise<object> {
  numCalls++
  if (request.op === 'echo') return { ok: true, value: { value: request.value, threadId, numCalls } }
  if (request.op === 'fail') return { ok: false, error: request.error }
  if (request.op === 'exit') process.exit(3)
  throw new RangeError('the worker broke its rules')
}
