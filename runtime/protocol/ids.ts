/**
 * Numbers have kinds: a token id, a page and a slot must never be mixed up. These are the only constructors.
 */
declare const kind: unique symbol
type Brand<Name extends string> = number & { readonly [kind]: Name }

/** Index into the vocabulary, 0-based. */
export type TokenId = Brand<'TokenId'>
/** Index of a page of key/value memory. */
export type PageId = Brand<'PageId'>
/** Row of the decoder's key/value slots. */
export type SlotIndex = Brand<'SlotIndex'>

export const tokenId = (value: number): TokenId => value as TokenId
export const pageId = (value: number): PageId => value as PageId
export const slotIndex = (value: number): SlotIndex => value as SlotIndex
