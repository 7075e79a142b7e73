import type { TokenLogprob } from '../protocol/backend.js'
import { logSumExp, topLogprobs } from '../sampling/logprobs.js'

export interface TokenRecorderOptions {
  /** Alternatives to report for each token. */
  readonly top: number
  /** Width up to which logits are real; rows may be wider. */
  readonly vocabularySize: number
  tokenText(id: number): string
}

/** Log-probabilities of one request: of prompt positions that were asked for, and of output tokens in their order. */
export class TokenRecorder {
  readonly prompt: TokenLogprob[] = []
  readonly output: TokenLogprob[] = []
  readonly #options: TokenRecorderOptions

  constructor(options: TokenRecorderOptions) {
    this.#options = options
  }

  /** @param logits [vocabRows] float32 that the token was the outcome of. */
  describe(tokenId: number, logits: Float32Array): TokenLogprob {
    const { top, vocabularySize, tokenText } = this.#options
    const normaliser = logSumExp(logits, vocabularySize)
    const best = topLogprobs(logits, vocabularySize, top, normaliser)
    return {
      tokenId,
      text: tokenText(tokenId),
      // A placeholder may lie past the vocabulary: the original code's pictures have no token.
      logprob: tokenId < vocabularySize ? logits[tokenId]! - normaliser : null,
      top: best.map(entry => ({ ...entry, text: tokenText(entry.tokenId) })),
    }
  }

  /** For tokens that are not the outcome of any logits: the first of a prompt, and those that close a value. */
  undescribed(tokenId: number): TokenLogprob {
    return { tokenId, text: this.#options.tokenText(tokenId), logprob: null, top: [] }
  }
}
