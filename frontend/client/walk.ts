import type {
  Backend,
  ContentPart,
  GenerateResult,
  SelectResult,
  TokenLogprob,
  Usage,
} from '../../runtime/protocol/backend.js'
import type { JsonNode } from '../ir/node.js'
import type { Validator } from './output.js'
import type { RequestSettings } from './request.js'

/** What is known of one capture beside its value. */
export interface CaptureDetail {
  readonly text: string
  readonly tokenIds: readonly number[]
  /** Why it ended; a select always stops. */
  readonly finish: GenerateResult['finish']
  /** The stop text that ended it, if one did: the tokens may reach into it, `text` does not. */
  readonly stoppedAt: string | null
  readonly usage: Usage
  /** Of gen and json slots that asked for them. */
  readonly logprobs?: readonly TokenLogprob[]
  /** Of select slots: how each choice scored, in the order of the choices. */
  readonly scores?: SelectResult['scores']
}

/** What a walk tells while it goes on. Paths name the capture's place in the result: 'notes.clarity.note'. */
export type WalkEvent =
  | { readonly type: 'text-delta'; readonly path: string; readonly delta: string }
  /** Before the first text of a JSON capture that begins with reasoning. */
  | { readonly type: 'reasoning'; readonly path: string; readonly end: string }
  | { readonly type: 'capture-end'; readonly path: string; readonly value: unknown }
  | { readonly type: 'detail'; readonly path: string; readonly detail: CaptureDetail }
  | { readonly type: 'usage'; readonly usage: Usage }

/** What stays the same while a program, or one step of a session, runs. */
export interface Walk {
  readonly program: string
  readonly backend: Backend
  /** Every input that the body names, as prompt content. */
  readonly inputs: ReadonlyMap<string, ContentPart>
  readonly settings: RequestSettings
  readonly validatorOf: (node: JsonNode) => Validator | null
  readonly report: (event: WalkEvent) => void
  readonly signal: AbortSignal
}
