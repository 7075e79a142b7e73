import { readFileSync } from 'node:fs'
import type { Vocabulary } from '../runtime/protocol/vocabulary.js'
import { loadTokenizer } from '../runtime/tokenizer/tokenizer.js'
import { syntheticVocabulary } from '../test/support/vocabularies.js'

/** The vocabulary of a tokenizer.json; without a path, a made-up one of 128,000 tokens. */
export function readVocabulary(path: string | undefined): Vocabulary {
  if (path === undefined) return syntheticVocabulary(128_000)
  const tokenizer = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special: boolean }[]
  }
  const ends = (tokenizer.added_tokens ?? []).filter(token =>
    /^<\/s>$|im_end|eot_id|endoftext|end_of_text/.test(token.content),
  )
  return loadTokenizer(tokenizer as Record<string, unknown>, null, {
    path,
    imageTokenId: -1,
    eosIds: ends.map(token => token.id),
  })
}
