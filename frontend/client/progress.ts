/** Where a progress bar goes: process.stderr, or a double of it. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressState {
  readonly label: string
  readonly done: number
  readonly failed: number
  /** Unknown for inputs that are not counted ahead. */
  readonly total: number | null
  readonly elapsedMs: number
}

const REDRAW_MS = 100
const CLEAR_LINE = '\r\u001b[2K'

/** One line no wider than `columns`: 'invoices [=====>    ] 12/30, 1 failed, 2.4/s'. */
export function renderProgress(state: ProgressState, columns: number): string {
  const { label, done, failed, total, elapsedMs } = state
  const count = total === null ? `${done}` : `${done}/${total}`
  const failures = failed === 0 ? '' : `, ${failed} failed`
  const rate = elapsedMs === 0 ? '' : `, ${((done * 1000) / elapsedMs).toFixed(1)}/s`
  const facts = `${count}${failures}${rate}`
  const width = Math.min(30, columns - label.length - facts.length - 4)
  if (total === null || width < 4) return `${label} ${facts}`.slice(0, columns)
  const filled = total === 0 ? width : Math.floor((done / total) * width)
  const bar = filled >= width ? '='.repeat(width) : `${'='.repeat(filled)}>`.padEnd(width)
  return `${label} [${bar}] ${facts}`
}

/** A progress line that redraws itself on a terminal, and is silent everywhere else. */
export class ProgressBar {
  readonly #output: ProgressOutput
  readonly #now: () => number
  readonly #label: string
  readonly #total: number | null
  readonly #startedAt: number
  #drawnAt = Number.NEGATIVE_INFINITY
  #done = 0
  #failed = 0

  constructor(label: string, total: number | null, output: ProgressOutput, now: () => number) {
    this.#label = label
    this.#total = total
    this.#output = output
    this.#now = now
    this.#startedAt = now()
  }

  advance(ok: boolean): void {
    this.#done += 1
    if (!ok) this.#failed += 1
    if (this.#output.isTTY !== true || this.#now() - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = this.#now()
    this.#output.write(CLEAR_LINE + this.#line())
  }

  /** Leaves the last state on a line of its own. */
  finish(): void {
    if (this.#output.isTTY === true && this.#done > 0) this.#output.write(`${CLEAR_LINE}${this.#line()}\n`)
  }

  #line(): string {
    const elapsedMs = this.#now() - this.#startedAt
    const state = { label: this.#label, done: this.#done, failed: this.#failed, total: this.#total, elapsedMs }
    return renderProgress(state, this.#output.columns ?? 80)
  }
}
