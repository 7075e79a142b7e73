import type { SelectMethod, SelectResult } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import { logSumExp } from '../sampling/logprobs.js'
import type { Branch, Sequence } from '../scheduler/sequence.js'
import type { Task } from './task.js'

/** One option: its tokens after what all options and the prompt have in common. */
export interface OptionTokens {
  readonly choice: string
  readonly ids: readonly number[]
}

/** Most tokens of one branch; longer options are fed in pieces. */
const BRANCH_TOKENS = 16

/** Log-probabilities of every token of every option, in the order given. */
export type OptionScores = readonly (readonly number[])[]

/**
 * Scores options against one prompt. Tokens that options share are fed once: they are walked like the branches of a
 * trie, each overwriting in the slot what it does not share with the one before.
 */
export class SelectTask implements Task {
  readonly sequence: Sequence
  readonly #options: readonly OptionTokens[]
  readonly #vocabularySize: number
  readonly #settle: { readonly done: (scores: OptionScores) => void; readonly failed: (error: EngineError) => void }
  readonly #logprobs: number[][]
  #hasPrompt = false
  /** What the slot holds after the prompt. */
  #fed: readonly number[] = []
  #isAborted = false

  constructor(
    sequence: Sequence,
    options: readonly OptionTokens[],
    vocabularySize: number,
    settle: { readonly done: (scores: OptionScores) => void; readonly failed: (error: EngineError) => void },
  ) {
    this.sequence = sequence
    this.#options = options
    this.#vocabularySize = vocabularySize
    this.#settle = settle
    this.#logprobs = options.map(() => [])
  }

  readonly freeTokens = 1

  get isDone(): boolean {
    return this.#isAborted || this.#options.every(({ ids }, index) => this.#logprobs[index]!.length === ids.length)
  }

  consume(_position: number, logits: Float32Array, branch: readonly number[] | null): void {
    const normaliser = logSumExp(logits, this.#vocabularySize)
    const path = branch ?? []
    if (branch) this.#fed = branch
    else this.#hasPrompt = true
    this.#options.forEach(({ ids }, index) => {
      const known = this.#logprobs[index]!
      if (known.length !== path.length || ids.length <= path.length) return
      if (path.every((id, at) => ids[at] === id)) known.push(logits[ids[path.length]!]! - normaliser)
    })
  }

  advance(): boolean {
    if (this.isDone || !this.#hasPrompt) return this.isDone
    this.sequence.branches = planBranches(
      this.#options.filter((option, index) => this.#logprobs[index]!.length < option.ids.length),
      this.sequence.promptLength,
      this.#fed,
    )
    return false
  }

  complete(): void {
    if (this.#isAborted) this.#settle.failed(new EngineError('REQUEST_ABORTED', { id: this.sequence.id }))
    else this.#settle.done(this.#logprobs)
  }

  abort(): void {
    this.#isAborted = true
  }

  fail(error: EngineError): void {
    this.#settle.failed(error)
  }
}

/**
 * Tokens to feed, in order, so that every token of every option but its last is fed after exactly its own prefix.
 * `held` is what the slot holds after the prompt already: a step may have had room for a part of the branches only.
 */
export function planBranches(
  options: readonly OptionTokens[],
  promptLength: number,
  held: readonly number[] = [],
): Branch[] {
  const sorted = options.map(option => option.ids.slice(0, -1)).sort(compareTokens)
  const branches: Branch[] = []
  let fed = held
  for (const path of sorted) {
    let at = 0
    while (at < fed.length && at < path.length && fed[at] === path[at]) at++
    for (; at < path.length; at += BRANCH_TOKENS) {
      const ids = path.slice(at, at + BRANCH_TOKENS)
      branches.push({ start: promptLength + at, ids, prefix: path.slice(0, at) })
    }
    fed = path
  }
  return branches
}

/** Scores by method, and the best option; of equal ones the first. `unconditional` scores the options without the prompt. */
export function chooseOption(
  options: readonly OptionTokens[],
  scores: OptionScores,
  method: SelectMethod,
  unconditional: OptionScores | null,
): Pick<SelectResult, 'choice' | 'index' | 'scores'> {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const sums = scores.map(values => values.reduce((sum, value) => sum + value, 0))
  const top = Math.max(...sums)
  const total = sums.reduce((sum, value) => sum + Math.exp(value - top), 0)
  const values = scores.map((logprobs, index) => mean(logprobs) - (unconditional ? mean(unconditional[index]!) : 0))
  const index = method === 'greedy-token' ? chooseGreedily(options, scores) : values.indexOf(Math.max(...values))
  return {
    choice: options[index]!.choice,
    index,
    scores: options.map(({ choice, ids }, at) => ({
      choice,
      score: values[at]!,
      probability: Math.exp(sums[at]! - top) / total,
      tokenIds: ids,
      logprobs: scores[at]!,
    })),
  }
}

/** Token by token, the options whose next token is the likeliest stay; one that ended counts with the mean of its tokens. */
function chooseGreedily(options: readonly OptionTokens[], scores: OptionScores): number {
  let alive = options.map((_, index) => index)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  for (let column = 0; alive.length > 1; column++) {
    const likelihood = (index: number): number => scores[index]![column] ?? mean(scores[index]!)
    const best = Math.max(...alive.map(likelihood))
    alive = alive.filter(index => likelihood(index) === best)
    if (alive.every(index => options[index]!.ids.length <= column + 1)) break
  }
  return alive[0]!
}

function compareTokens(left: readonly number[], right: readonly number[]): number {
  for (let at = 0; at < left.length && at < right.length; at++) {
    if (left[at] !== right[at]) return left[at]! - right[at]!
  }
  return left.length - right.length
}
