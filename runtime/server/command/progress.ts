import type { Output } from './terminal.js'

const BAR_WIDTH = 24

/** One line that is drawn over and over, on terminals only. `clear` it before anything else is written there. */
export class Progress {
  readonly #output: Output
  readonly #total: number
  readonly #now: () => number
  readonly #startedAt: number
  #isDrawn = false

  constructor(output: Output, total: number, now: () => number = () => performance.now()) {
    this.#output = output
    this.#total = total
    this.#now = now
    this.#startedAt = now()
  }

  async draw(done: number, failed: number): Promise<void> {
    if (!this.#output.isTTY) return
    const seconds = (this.#now() - this.#startedAt) / 1000
    this.#isDrawn = true
    await this.#output.write(`\r\u001b[K${progressLine(done, failed, this.#total, seconds, this.#output.columns)}`)
  }

  async clear(): Promise<void> {
    if (!this.#isDrawn) return
    this.#isDrawn = false
    await this.#output.write('\r\u001b[K')
  }
}

/** `[#####...] 5/20, 1 failed, 2.5 a second, 6 s to go`, cut to the terminal's width so that it stays one line. */
export function progressLine(done: number, failed: number, total: number, seconds: number, columns: number): string {
  const filled = Math.round((done / Math.max(1, total)) * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const rate = seconds > 0 ? done / seconds : 0
  const parts = [
    `${bar} ${done}/${total}`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(rate > 0 ? [`${rate.toFixed(rate < 10 ? 1 : 0)} a second`] : []),
    ...(rate > 0 && done < total ? [`${Math.ceil((total - done) / rate)} s to go`] : []),
  ]
  return parts.join(', ').slice(0, Math.max(1, columns - 1))
}
