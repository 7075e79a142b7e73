import { invalid, quote } from './fields.js'

/** One list of token ids; `placeholders` of pictures and videos may lie past the vocabulary. Throws REQUEST_INVALID. */
export function checkIds(
  ids: unknown,
  param: string,
  vocabSize: number,
  placeholders: readonly number[] = [],
): readonly number[] {
  if (!Array.isArray(ids)) throw invalid(`"${param}" must be a list of token ids; got ${quote(ids)}.`, param)
  const isKnown = (id: unknown) => Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < vocabSize
  const wrong = ids.findIndex(id => !isKnown(id) && !placeholders.includes(id))
  if (wrong === -1) return ids
  throw invalid(`"${param}" holds ${quote(ids[wrong])}; token ids run from 0 to ${vocabSize - 1}.`, param)
}

/** A list of ids, or a list of such lists, as prompts: none may be empty. Throws REQUEST_INVALID. */
export function checkIdLists(
  value: unknown,
  param: string,
  vocabSize: number,
  placeholders: readonly number[] = [],
): { readonly isSingle: boolean; readonly lists: readonly (readonly number[])[] } {
  const isSingle = !(Array.isArray(value) && Array.isArray(value[0]))
  const lists = (isSingle ? [value] : (value as readonly unknown[])).map((list, index) => {
    const at = isSingle ? param : `${param}[${index}]`
    const ids = checkIds(list, at, vocabSize, placeholders)
    if (ids.length === 0) throw invalid(`"${at}" must hold at least one token id.`, at)
    return ids
  })
  return { isSingle, lists }
}
