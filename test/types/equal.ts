/** Exact equality of types, not mere assignability: `any`, `readonly` and `?` all count. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only when the two types are equal. */
export function same<A, B>(..._equal: Equal<A, B> extends true ? [] : [never]): void {}
