import { readFileSync } from 'node:fs'
import t from 'tap'
import { openSystemMemory } from '../../kernels/ort/index.js'

const MIB = 2 ** 20

/** Pages of this process that lie in memory, in bytes. */
const residentBytes = (): number => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096

// The resident set is read as Linux shows it.
const skip = process.platform !== 'linux'

t.test('memory comes as it is written and goes when it is given back', { skip }, async t => {
  const system = await openSystemMemory()
  if (system === null) throw new Error('the C library of this system was not found')
  const before = residentBytes()
  const buffer = new SharedArrayBuffer(256 * MIB)
  system.useSmallPages(buffer)
  const bytes = new Uint8Array(buffer)
  t.ok(residentBytes() - before < 64 * MIB, 'addresses alone take nothing')
  bytes.fill(7)
  const full = residentBytes()
  t.ok(full - before > 192 * MIB)

  // Ends that are no page's end.
  system.giveBack(buffer, 64 * MIB + 5, 192 * MIB - 5)
  t.ok(full - residentBytes() > 96 * MIB)
  t.equal(bytes[128 * MIB], 0, 'what was given back reads as zeros')
  t.equal(bytes[64 * MIB + 4], 7, 'and nothing beside it was touched')
  t.equal(bytes[192 * MIB - 5], 7)
  bytes[128 * MIB] = 9
  t.equal(bytes[128 * MIB], 9, 'it can be written again')
})

t.test('addresses beyond 4 GiB are no matter', { skip }, async t => {
  const system = await openSystemMemory()
  const buffer = new SharedArrayBuffer(5 * 2 ** 30)
  t.doesNotThrow(() => system!.useSmallPages(buffer))
  const last = new Uint8Array(buffer, buffer.byteLength - MIB)
  last.fill(3)
  system!.giveBack(buffer, buffer.byteLength - MIB, buffer.byteLength)
  t.equal(last[MIB / 2], 0)
})
