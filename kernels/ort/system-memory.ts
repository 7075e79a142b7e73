import { importKoffi, loadNative } from './native.js'

/** Tells the system that nothing in bytes `start` to `end` of the buffer is needed: it reads as zeros until written again. */
export type GiveBack = (buffer: SharedArrayBuffer, start: number, end: number) => void

export interface SystemMemory {
  readonly giveBack: GiveBack
  /**
   * Has the buffer's memory come in small pages. In huge ones, the first token of a slot would take memory for thousands.
   */
  readonly useSmallPages: (buffer: SharedArrayBuffer) => void
}

const C_LIBRARIES: Readonly<Record<string, string>> = { linux: 'libc.so.6', darwin: '/usr/lib/libSystem.B.dylib' }
const DONT_NEED = 4
/** Linux alone. */
const NO_HUGE_PAGES = 15
/** A multiple of the pages of all systems; what sticks out at either end is kept. */
const ALIGNMENT = 65_536n

let opening: Promise<SystemMemory | null> | undefined

/** null: this system gives memory for a whole buffer when it is allocated, or there is no way to reach its C library. */
export function openSystemMemory(): Promise<SystemMemory | null> {
  opening ??= open()
  return opening
}

async function open(): Promise<SystemMemory | null> {
  const path = C_LIBRARIES[process.platform]
  if (path === undefined) return null
  try {
    const koffi = await importKoffi()
    const library = await loadNative(path)
    const advise = library.func('madvise', 'int', ['void *', 'size_t', 'int'])
    const call = (buffer: SharedArrayBuffer, start: number, end: number, advice: number): void => {
      const base = koffi.address(new Uint8Array(buffer)) as bigint
      const from = ((base + BigInt(start) + ALIGNMENT - 1n) / ALIGNMENT) * ALIGNMENT
      const to = ((base + BigInt(end)) / ALIGNMENT) * ALIGNMENT
      if (to > from) advise(from, to - from, advice)
    }
    return {
      giveBack: (buffer, start, end) => call(buffer, start, end, DONT_NEED),
      useSmallPages(buffer) {
        if (process.platform === 'linux') call(buffer, 0, buffer.byteLength, NO_HUGE_PAGES)
      },
    }
  } catch {
    // Without koffi, or on a system with another C library, all memory is planned for at the start.
    return null
  }
}
