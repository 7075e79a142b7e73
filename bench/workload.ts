/** Numbers of one workload. Metrics carry their unit in the name; ratios compare things measured by turns in one run. */
export interface Measurement {
  readonly metrics: Readonly<Record<string, number>>
  readonly ratios: Readonly<Record<string, number>>
}

export interface Workload {
  readonly name: string
  /** One line for the list. */
  readonly summary: string
  /** `report` takes one line of progress at a time. */
  run(options: WorkloadOptions, report: (line: string) => void): Promise<Measurement>
}

export interface WorkloadOptions {
  readonly model: string
  /** Repetitions whose median counts. */
  readonly repeat: number
  /** Running servers, as NAME=http://host:port. */
  readonly servers: readonly string[]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** "median [least-most]" with three digits that matter. */
export function spread(values: readonly number[]): string {
  const short = (value: number): string => Number(value.toPrecision(3)).toString()
  return `${short(median(values))} [${short(Math.min(...values))}-${short(Math.max(...values))}]`
}
