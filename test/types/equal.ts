/** Exact equality of types, not mere assignability: `readonly`, `?` and the like all count. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only when the two types are equal. */
export function same<A, B>(..._equal: Equal<A, B> extends true ? [] : [never]): void {}

same<{ readonly a: string }, { readonly a: string }>()
// @ts-expect-error one is readonly
same<{ readonly a: string }, { a: string }>()
// @ts-expect-error one is optional
same<{ a?: string }, { a: string | undefined }>()
// @ts-expect-error one is wider
same<1, number>()
