import { readFileSync } from 'node:fs'

/**
 * Whether products of unsigned by signed bytes are exact in the library's fast kernels. x64 processors without VNNI add
 * them in pairs within 16 bits, which overflow. Where it cannot be known the answer is no: slower, and right.
 */
export function multipliesBytesExactly(): boolean {
  if (process.arch !== 'x64') return true
  return process.platform === 'linux' && namesVnni(readProcessorFacts())
}

/** From the text of /proc/cpuinfo; every processor must have it, since a thread may run on any. */
export function namesVnni(facts: string): boolean {
  const flags = facts.split('\n').filter(line => line.startsWith('flags'))
  return flags.length > 0 && flags.every(line => /\bavx(?:512)?_vnni\b/.test(line))
}

function readProcessorFacts(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
