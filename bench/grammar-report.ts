/** The counts of one suite. */
export interface Tally {
  readonly name: string
  schemas: number
  tests: number
  passedTests: number
  refusedTests: number
  readonly wrongTests: Record<string, number>
  readonly verdicts: Record<string, number>
  readonly failures: { readonly name: string; readonly verdict: string; readonly why: string }[]
  readonly compileTimes: number[]
}

export function emptyTally(name: string): Tally {
  return {
    name,
    schemas: 0,
    tests: 0,
    passedTests: 0,
    refusedTests: 0,
    wrongTests: {},
    verdicts: {},
    failures: [],
    compileTimes: [],
  }
}

const ORDER = [
  'pass',
  'allowed reject',
  'out of order',
  'refused',
  'refused late',
  'false reject',
  'false accept',
  'crashed',
]

export function worst(a: string, b: string): string {
  return ORDER.indexOf(a) > ORDER.indexOf(b) ? a : b
}

/** `share` in 0..1; 1 is the maximum. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

export function printTable(tallies: readonly Tally[], withFailures: boolean): void {
  for (const tally of tallies) {
    if (withFailures)
      for (const { name, verdict, why } of tally.failures) console.log(`[${verdict}] ${name}\n    ${why}`)
  }
  for (const tally of tallies) {
    const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`
    const ms = (share: number) => percentile(tally.compileTimes, share).toFixed(2)
    console.log(
      [
        `${tally.name}: ${tally.schemas} grammars ${JSON.stringify(tally.verdicts)} (${percent(tally.verdicts.pass ?? 0, tally.schemas)} pass)`,
        `tests ${tally.tests}: ${tally.passedTests} pass (${percent(tally.passedTests, tally.tests)}), ${tally.refusedTests} refused, wrong ${JSON.stringify(tally.wrongTests)}`,
        `compile ms: p50 ${ms(0.5)}, p99 ${ms(0.99)}, max ${ms(1)}`,
      ].join('\n    '),
    )
  }
}
