import { reachServer, type Server, settle } from '../servers/client.js'
import { ROUNDS, type Round } from '../servers/rounds.js'
import { type Measurement, median, spread, type Workload, type WorkloadOptions } from '../workload.js'

type Series = Map<Server, Record<string, number>[]>

/** The same requests to several running servers by turns: the first named one against each other one. */
export const servers: Workload = {
  name: 'servers',
  summary: 'running OpenAI-compatible servers against each other: --server NAME=http://127.0.0.1:PORT, two or more',
  async run({ repeat, servers: given }: WorkloadOptions, report): Promise<Measurement> {
    if (given.length === 0) throw new Error('servers takes --server NAME=http://host:port, once for each server')
    const reached = await Promise.all(given.map(reachServer))
    const measured: { metrics: Record<string, number>; ratios: Record<string, number> } = { metrics: {}, ratios: {} }
    for (const round of ROUNDS) {
      report(`${round.name}: ${round.summary}`)
      const series = await takeTurns(reached, round, repeat)
      const [first, ...others] = reached.map(server =>
        summarise(server, round, series.get(server)!, measured.metrics, report),
      )
      for (const [index, other] of others.entries()) {
        const gain = round.moreIsBetter ? first! / other : other / first!
        const name = `${round.name}.${reached[0]!.name}Over${reached[index + 1]!.name}`
        measured.ratios[name] = gain
        report(`  ${reached[0]!.name} is ${gain.toFixed(2)} times as fast as ${reached[index + 1]!.name}`)
      }
    }
    return measured
  },
}

/** One turn more than counts, to warm up; who goes first changes every turn. */
async function takeTurns(reached: readonly Server[], round: Round, repeat: number): Promise<Series> {
  const series: Series = new Map(reached.map(server => [server, []]))
  const base = Date.now() % 1_000_000
  for (let turn = 0; turn <= repeat; turn++) {
    for (let place = 0; place < reached.length; place++) {
      const server = reached[(turn + place) % reached.length]!
      const figures = await round.run(server, base + 104_729 * turn)
      if (turn > 0) series.get(server)!.push(figures)
      await settle()
    }
  }
  return series
}

/** Puts the medians into `metrics`; returns that of the round's figure. */
function summarise(
  server: Server,
  round: Round,
  taken: readonly Record<string, number>[],
  metrics: Record<string, number>,
  report: (line: string) => void,
): number {
  const names = Object.keys(taken[0]!)
  const values = (name: string): number[] => taken.map(figures => figures[name]!)
  for (const name of names) metrics[`${round.name}.${server.name}.${name}`] = median(values(name))
  report(`  ${server.name.padEnd(12)} ${names.map(name => `${name} ${spread(values(name))}`).join(', ')}`)
  return median(values(round.figure))
}
