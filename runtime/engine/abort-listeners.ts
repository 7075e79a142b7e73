interface Listeners {
  readonly callbacks: Set<() => void>
  readonly notify: () => void
}

/** One listener for each signal: a batch may give one signal to thousands of requests, and Node warns from the eleventh on. */
const listening = new WeakMap<AbortSignal, Listeners>()

/** Calls `onAbort`, a function of its own for each call, when the signal aborts. Returns what stops listening. */
export function listenForAbort(signal: AbortSignal, onAbort: () => void): () => void {
  const listeners = listening.get(signal) ?? listen(signal)
  listeners.callbacks.add(onAbort)
  return () => {
    if (!listeners.callbacks.delete(onAbort) || listeners.callbacks.size > 0) return
    signal.removeEventListener('abort', listeners.notify)
    listening.delete(signal)
  }
}

function listen(signal: AbortSignal): Listeners {
  const callbacks = new Set<() => void>()
  const notify = (): void => {
    for (const onAbort of [...callbacks]) onAbort()
  }
  signal.addEventListener('abort', notify)
  const listeners = { callbacks, notify }
  listening.set(signal, listeners)
  return listeners
}
