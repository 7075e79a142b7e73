import type { LibraryHandle } from 'koffi'

/** koffi runs calls on a stack of its own; ONNX Runtime's optimizer recurses over large graphs. */
const STACK_BYTES = 16 * 1024 * 1024

/** koffi unloads a library whose handle is collected, and the next call would jump into unmapped memory. */
const handles: LibraryHandle[] = []
type Koffi = typeof import('koffi')['default']

let configured: Promise<Koffi> | undefined

/** koffi, configured as it must be before the first library is loaded. Rejects where it has no binary for this system. */
export function importKoffi(): Promise<Koffi> {
  configured ??= import('koffi').then(({ default: koffi }) => {
    koffi.config({ sync_stack_size: STACK_BYTES })
    return koffi
  })
  return configured
}

/** Opens a shared library for as long as the process lives. Rejects when it cannot be loaded. */
export async function loadNative(path: string): Promise<LibraryHandle> {
  const koffi = await importKoffi()
  const handle = koffi.load(path)
  handles.push(handle)
  return handle
}

/** What koffi takes the address of. A view of a whole buffer cannot be longer than 4 GiB in Node 20. */
export function firstByte(buffer: ArrayBuffer | SharedArrayBuffer): Uint8Array {
  return new Uint8Array(buffer, 0, Math.min(1, buffer.byteLength))
}
