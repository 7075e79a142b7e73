import { readFileSync } from 'node:fs'
import { firstByte, importKoffi, loadNative } from './native.js'

/** Tells the system that nothing in bytes `start` to `end` of the buffer is needed any more. */
export type GiveBack = (buffer: SharedArrayBuffer, start: number, end: number) => void

export interface SystemMemory {
  readonly giveBack: GiveBack
  /**
   * Has the buffer's memory come in small pages. In huge ones, the first token of a slot would take memory for thousands.
   */
  readonly useSmallPages: (buffer: SharedArrayBuffer) => void
}

const C_LIBRARY = 'libc.so.6'
const DONT_NEED = 4
const NO_HUGE_PAGES = 15
/** Here all memory counts as taken when its addresses are given out. */
const STRICT_ACCOUNTING = '2'
/** A multiple of the pages of all systems; what sticks out at either end is kept. */
const ALIGNMENT = 65_536n

let opening: Promise<SystemMemory | null> | undefined

/** null: not Linux, memory counts as taken when it is allocated, or the C library cannot be reached. */
export function openSystemMemory(): Promise<SystemMemory | null> {
  opening ??= open()
  return opening
}

async function open(): Promise<SystemMemory | null> {
  if (process.platform !== 'linux') return null
  try {
    const accounting = readFileSync('/proc/sys/vm/overcommit_memory', 'utf8').trim()
    if (accounting === STRICT_ACCOUNTING) return null
    const koffi = await importKoffi()
    const library = await loadNative(C_LIBRARY)
    const advise = library.func('madvise', 'int', ['void *', 'size_t', 'int'])
    const call = (buffer: SharedArrayBuffer, start: number, end: number, advice: number): void => {
      const base = koffi.address(firstByte(buffer)) as bigint
      const from = ((base + BigInt(start) + ALIGNMENT - 1n) / ALIGNMENT) * ALIGNMENT
      const to = ((base + BigInt(end)) / ALIGNMENT) * ALIGNMENT
      if (to > from) advise(from, to - from, advice)
    }
    return {
      giveBack: (buffer, start, end) => call(buffer, start, end, DONT_NEED),
      useSmallPages: buffer => call(buffer, 0, buffer.byteLength, NO_HUGE_PAGES),
    }
  } catch {
    // Without koffi, or on a system with another C library, all memory is planned for at the start.
    return null
  }
}
