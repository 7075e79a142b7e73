import { EngineError } from '../../runtime/protocol/error.js'

/**
 * What the promise gives, or PROGRAM_CANCELLED as soon as the signal aborts. The work itself goes on: others may wait
 * for the same.
 */
export async function unlessCancelled<T>(
  program: string,
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return work
  let leave = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    leave = () => reject(new EngineError('PROGRAM_CANCELLED', { program }))
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
  return Promise.race([work, cancelled]).finally(() => signal.removeEventListener('abort', leave))
}
