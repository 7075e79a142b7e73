import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Engine, EngineStatus } from '../protocol/engine.js'

export interface GenerationTimer {
  /** Called with the number of tokens that have just arrived. */
  markTokens(count: number): void
  finish(): void
}

export interface ServerMetrics {
  readonly contentType: string
  /** Prometheus text. */
  render(): Promise<string>
  countResponse(route: string, status: number): void
  startGeneration(): GenerationTimer
}

const COUNTERS: Readonly<Record<string, readonly [help: string, read: (status: EngineStatus) => number]>> = {
  radiant_prompt_tokens_total: ['Prompt tokens processed.', status => status.promptTokens],
  radiant_cached_tokens_total: ['Prompt tokens served by the radix cache.', status => status.cachedTokens],
  radiant_generation_tokens_total: ['Tokens generated.', status => status.generatedTokens],
  radiant_forced_tokens_total: [
    'Generated tokens that a constraint dictated, without a decode step.',
    status => status.forcedTokens,
  ],
  radiant_image_encodes_total: ['Runs of the vision encoder.', status => status.imageEncodes],
  radiant_image_encodes_saved_total: [
    'Vision encoder runs saved by cached features or prefixes.',
    status => status.imageFeatureHits + status.imagePrefixHits,
  ],
  radiant_decode_steps_total: ['Decode steps.', status => status.decodeSteps],
  radiant_prefill_chunks_total: ['Prefill chunks.', status => status.prefillChunks],
  radiant_finished_requests_total: ['Requests that ended well.', status => status.finishedRequests],
  radiant_aborted_requests_total: ['Requests that were aborted.', status => status.abortedRequests],
  radiant_failed_requests_total: ['Requests that ended with an error.', status => status.failedRequests],
}

const GAUGES: Readonly<Record<string, readonly [help: string, read: (status: EngineStatus) => number]>> = {
  radiant_num_running_reqs: ['Requests running.', status => status.runningRequests],
  radiant_num_queue_reqs: ['Requests waiting.', status => status.waitingRequests],
  radiant_cache_hit_rate: [
    'Share of all prompt tokens so far that the radix cache served.',
    status => share(status.cachedTokens, status.promptTokens),
  ],
  radiant_token_usage: ['Share of key/value pages in use.', status => share(status.pages.inUse, status.pages.total)],
  radiant_num_used_pages: ['Key/value pages in use by requests.', status => status.pages.inUse],
  radiant_num_cached_pages: ['Key/value pages kept for reuse.', status => status.pages.cached],
  radiant_num_used_slots: ['Decoder slots in use.', status => status.slots.inUse],
  radiant_slot_token_usage: [
    'Share of the memory of slots that running requests hold, or ended ones left.',
    status => share(status.slots.heldTokens, status.slots.tokens),
  ],
  radiant_last_step_seconds: ['Duration of the latest engine step.', status => status.lastStepMs / 1000],
  radiant_uptime_seconds: ['Time since the engine started.', status => status.uptimeMs / 1000],
}

const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const TOKEN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

/** One registry a server: the engine's own counters are read when scraped, the latencies are taken here. */
export function createMetrics(engine: Engine, now: () => number = () => performance.now()): ServerMetrics {
  const registry = new Registry()
  for (const [name, [help, read]] of Object.entries(COUNTERS)) {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [registry],
      collect: () => {
        // The engine keeps the total; a counter can only be set by starting over.
        counter.reset()
        counter.inc(read(engine.status()))
      },
    })
  }
  for (const [name, [help, read]] of Object.entries(GAUGES)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => gauge.set(read(engine.status())),
    })
  }
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, registers: [registry] })
  const firstToken = histogram(
    'radiant_time_to_first_token_seconds',
    'From the request to its first token.',
    LATENCY_BUCKETS,
  )
  const endToEnd = histogram('radiant_e2e_request_latency_seconds', 'From the request to its end.', LATENCY_BUCKETS)
  const perToken = histogram(
    'radiant_time_per_output_token_seconds',
    'Mean time a token after the first one.',
    TOKEN_BUCKETS,
  )
  const responses = new Counter({
    name: 'radiant_http_responses_total',
    help: 'HTTP responses by route and status.',
    labelNames: ['route', 'status'],
    registers: [registry],
  })
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    countResponse: (route, status) => responses.inc({ route, status }),
    startGeneration() {
      const started = now()
      let first: { at: number; count: number } | null = null
      let tokens = 0
      return {
        markTokens(count) {
          tokens += count
          if (first !== null || count === 0) return
          first = { at: now(), count }
          firstToken.observe((first.at - started) / 1000)
        },
        finish() {
          const ended = now()
          endToEnd.observe((ended - started) / 1000)
          if (first !== null && tokens > first.count) {
            perToken.observe((ended - first.at) / 1000 / (tokens - first.count))
          }
        },
      }
    },
  }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
