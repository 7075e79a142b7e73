/** Where the ids of one picture or video stand in a prompt. */
export interface Run {
  readonly start: number
  readonly length: number
}

export function countOf(ids: readonly number[], id: number): number {
  return ids.reduce((count, each) => count + Number(each === id), 0)
}

/**
 * The places of things that take `rows` each, in their order: one id for each of them, or as many as it has rows when
 * the ids came expanded; things that follow each other then share a run. null: the ids are neither.
 */
export function findRuns(ids: readonly number[], placeholder: number, rows: readonly number[]): Run[] | null {
  const isSingle = countOf(ids, placeholder) === rows.length
  const runs: Run[] = []
  let at = 0
  for (const count of rows) {
    const start = ids.indexOf(placeholder, at)
    const length = isSingle ? 1 : count
    if (start < 0) return null
    for (at = start; at < start + length; at++) if (ids[at] !== placeholder) return null
    runs.push({ start, length })
  }
  return ids.includes(placeholder, at) ? null : runs
}
