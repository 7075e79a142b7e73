import type { Precision } from '../../config.js'
import type { Agreement, ModelVerification } from '../../engine/verify.js'
import { EngineError } from '../../protocol/error.js'

/**
 * Most root mean square difference, of that of the numbers themselves. In float32 only the order of additions differs;
 * rounded weights of random models, the hardest case, were seen at 0.03, 0.03 and 0.4.
 */
const LIMITS: Readonly<Record<Precision, number>> = { float32: 1e-3, int8: 0.1, int8x8: 0.15, int4: 0.6 }
/** One graph over the same numbers in other batches: at 8 bits a sum in another order can round to the next level. */
const PIECES_LIMIT = 1e-2

export interface Verdict {
  readonly lines: readonly (readonly [name: string, value: string])[]
  /** What a user is told when the model does not compute what it should; null when it does. */
  readonly failure: EngineError | null
}

/** Pure: what was compared, how far apart it was, and whether that will do. */
export function judge(path: string, precision: Precision, verification: ModelVerification): Verdict {
  const { features, logits, pieces, golden } = verification
  const limit = LIMITS[precision]
  const checks = [
    { name: 'features', agreement: features, limit, against: 'plain arithmetic', unit: 'peaks' },
    { name: 'logits', agreement: logits, limit, against: 'plain arithmetic', unit: 'likeliest tokens' },
    { name: 'in pieces', agreement: pieces, limit: PIECES_LIMIT, against: 'one pass', unit: 'likeliest tokens' },
    ...(golden === null
      ? []
      : [
          { name: 'golden', agreement: golden.features, limit, against: 'features of golden.json', unit: 'peaks' },
          {
            name: 'golden',
            agreement: golden.logits,
            limit,
            against: 'logits of golden.json',
            unit: 'likeliest tokens',
          },
        ]),
  ]
  const none =
    golden === null ? [['golden', 'none: no golden.json of features and logits lies in the folder'] as const] : []
  const lines = [
    ...checks.map(
      ({ name, agreement, against, unit }) => [name, `${tell(agreement, unit)}, against ${against}`] as const,
    ),
    ...none,
  ]
  const bad = checks.find(({ agreement, limit }) => !(agreement.relative !== null && agreement.relative <= limit))
  if (bad === undefined) return { lines, failure: null }
  const what =
    `${bad.name}: ${tell(bad.agreement, bad.unit)}, against ${bad.against}; ` +
    `at ${precision} a root mean square of up to ${bad.limit} of theirs would do.`
  // The folder's own numbers speak of its weights, the others of what was made of them.
  const failure =
    bad.name === 'golden'
      ? new EngineError('MODEL_CORRUPT', { path, what })
      : new EngineError('KERNEL_FAILED', { pool: 'model', what })
  return { lines, failure }
}

function tell({ largest, relative, agreeing, rows }: Agreement, unit: string): string {
  if (largest === null || relative === null) return 'another number of values'
  return `within ${short(largest)} (root mean square ${short(relative)} of theirs), ${agreeing} of ${rows} ${unit} the same`
}

function short(value: number): string {
  return value === 0 ? '0' : value >= 0.01 ? value.toPrecision(2) : value.toExponential(1)
}
