import { existsSync } from 'node:fs'
import { KernelFailure } from '../failure.js'
import type { Binding } from '../protocol.js'
import { openCSession } from './c-session.js'
import { loadLibrary } from './library.js'
import { openNodeSession } from './node-session.js'
import type { Session, SessionSettings } from './session.js'

export type { Session, SessionSettings } from './session.js'
export { type BoundTensor, type BoundTensors, boundTensor, elementCount } from './tensor.js'

/**
 * Loads the graph at `path`. Throws KernelFailure: MODEL_NOT_FOUND when there is no file, MODEL_CORRUPT or
 * MODEL_UNSUPPORTED when the library refuses it, KERNEL_FAILED when the binding cannot be had.
 */
export async function openSession(path: string, binding: Binding, settings: SessionSettings): Promise<Session> {
  if (!existsSync(path)) throw new KernelFailure('MODEL_NOT_FOUND', { path, what: 'no such file' })
  if ((await chooseBinding(binding, settings)) === 'node') return openNodeSession(path, settings)
  return openCSession(path, settings)
}

async function chooseBinding(binding: Binding, settings: SessionSettings): Promise<'c-api' | 'node'> {
  if (binding === 'node') return 'node'
  // The C binding hands out addresses of host memory only.
  const reachable = settings.device === 'cpu'
  if (binding === 'auto') return reachable && (await isLibraryReachable()) ? 'c-api' : 'node'
  if (reachable) return 'c-api'
  const what = `the binding "c-api" serves the device "cpu", not "${settings.device}"; use "node" or "auto"`
  throw new KernelFailure('KERNEL_FAILED', { what })
}

/** Whether the binding 'auto' comes to 'c-api' on the CPU. */
export function isLibraryReachable(): Promise<boolean> {
  return loadLibrary().then(
    () => true,
    () => false,
  )
}

export { type GiveBack, openSystemMemory, type SystemMemory } from './system-memory.js'
