/**
 * What the rest of the runtime may know of a tokenizer: its tokens as bytes, and how to cut text into them.
 * Made by runtime/tokenizer, read by runtime/grammar and the scheduler; plain data plus one pure function.
 */
export interface Vocabulary {
  /** Number of token ids, special ones included. The model's logits may be wider: ids from `size` on are never sampled. */
  readonly size: number
  /** Stable digest of the tokenizer (32 hex digits): part of the key of every compiled grammar. */
  readonly id: string
  /** Exact bytes that token `id` adds to the text; null for special, unused and out-of-range ids. */
  bytes(id: number): Uint8Array | null
  /** Ids that end the text (end of sequence, end of turn). At least one. */
  readonly stopIds: readonly number[]
  /** Canonical tokens of a text that continues earlier text (no leading-space rule, no special tokens recognised or added). */
  encodeContinuation(text: string): number[]
}
