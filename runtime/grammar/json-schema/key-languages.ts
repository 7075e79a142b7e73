import type { ExpressionId, ExpressionStore } from '../expression.js'
import { alphabetOf } from '../regex/alphabet.js'
import type { KeyLanguages } from './object-record.js'
import type { StringSets } from './string-set.js'

export function createKeyLanguages(store: ExpressionStore, strings: StringSets): KeyLanguages {
  const { anything } = alphabetOf(store, 'json-string')
  const unlessEmpty = (language: ExpressionId) => (store.isEmptyLanguage(language) ? null : language)
  return {
    anything,
    has: (language, key) => strings.matches(language, key),
    both: (a, b) => {
      if (a === anything) return b
      return b === anything ? a : unlessEmpty(store.and(a, b))
    },
    without: (a, b) => {
      if (b === anything) return null
      return b === store.fail ? a : unlessEmpty(store.and(a, store.not(b)))
    },
    names: keys => store.choice([...keys].map(key => strings.spellings(key))),
  }
}
