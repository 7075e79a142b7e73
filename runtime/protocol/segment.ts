/**
 * A rendered prompt before it is cut into tokens: made by runtime/chat, read by runtime/tokenizer. `template` text may
 * hold special tokens, `text` never does whatever it says; neighbours of the two are tokenised together, so that tokens
 * reach across. `image` is the place of the next picture, `video` that of the next video. `tokens` are ids as they stand.
 */
export type PromptSegment =
  | { readonly kind: 'template'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'image' }
  | { readonly kind: 'video' }
  | { readonly kind: 'tokens'; readonly ids: readonly number[] }
