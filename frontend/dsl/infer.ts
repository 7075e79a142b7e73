/** Type-level code only: the TypeScript type of the values that satisfy a JSON Schema literal. */
import type { Flat } from './types.js'

type TypeName = 'string' | 'number' | 'integer' | 'boolean' | 'null' | 'array' | 'object'

/** The keywords that an editor offers. Others may stand too; those that do not shape the type leave it as it is. */
export interface SchemaLiteral {
  readonly type?: TypeName | readonly TypeName[]
  readonly title?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly (SchemaLiteral | boolean)[]
  readonly oneOf?: readonly (SchemaLiteral | boolean)[]
  readonly allOf?: readonly (SchemaLiteral | boolean)[]
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, SchemaLiteral | boolean>>
  readonly properties?: Readonly<Record<string, SchemaLiteral | boolean>>
  readonly required?: readonly string[]
  readonly additionalProperties?: SchemaLiteral | boolean
  readonly items?: SchemaLiteral | boolean
  readonly prefixItems?: readonly (SchemaLiteral | boolean)[]
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly multipleOf?: number
}

/** `Root` is the whole schema, in which `$ref` looks. Alternatives distribute into a union. */
export type FromSchema<S, Root = S> = S extends boolean
  ? unknown
  : S extends { readonly $ref: infer Pointer }
    ? FromPointer<Pointer, Root>
    : S extends { readonly const: infer C }
      ? Writable<C>
      : S extends { readonly enum: infer E extends readonly unknown[] }
        ? Writable<E[number]>
        : S extends { readonly anyOf: infer A extends readonly unknown[] }
          ? FromSchema<A[number], Root>
          : S extends { readonly oneOf: infer A extends readonly unknown[] }
            ? FromSchema<A[number], Root>
            : S extends { readonly allOf: infer A extends readonly unknown[] }
              ? FromAll<A, Root>
              : S extends { readonly type: infer T }
                ? FromType<T extends readonly unknown[] ? T[number] : T, S, Root>
                : unknown

type FromPointer<Pointer, Root> = Pointer extends '#'
  ? FromSchema<Root, Root>
  : Pointer extends `#/$defs/${infer Name}`
    ? Root extends { readonly $defs: infer D }
      ? Name extends keyof D
        ? FromSchema<D[Name], Root>
        : unknown
      : unknown
    : unknown

type FromType<T, S, Root> = T extends 'string'
  ? string
  : T extends 'number' | 'integer'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : T extends 'array'
          ? FromArray<S, Root>
          : T extends 'object'
            ? FromObject<S, Root>
            : unknown

// Without minItems a list of prefixItems may end early, so positions promise nothing: the type is a plain array.
type FromArray<S, Root> = S extends { readonly prefixItems: infer P extends readonly unknown[] }
  ? (FromSchema<P[number], Root> | RestOf<S, Root>)[]
  : S extends { readonly items: infer I }
    ? FromSchema<I, Root>[]
    : unknown[]
type RestOf<S, Root> = S extends { readonly items: infer I } ? (I extends false ? never : FromSchema<I, Root>) : unknown

type FromObject<S, Root> = S extends { readonly properties: infer P }
  ? Flat<
      { -readonly [K in keyof P as K extends RequiredOf<S> ? K : never]: FromSchema<P[K], Root> } & {
        -readonly [K in keyof P as K extends RequiredOf<S> ? never : K]?: FromSchema<P[K], Root>
      }
    >
  : S extends { readonly additionalProperties: infer A }
    ? { [key: string]: FromSchema<A, Root> }
    : { [key: string]: unknown }
type RequiredOf<S> = S extends { readonly required: infer R extends readonly unknown[] } ? R[number] : never

type FromAll<A extends readonly unknown[], Root> = A extends readonly [infer First, ...infer Rest]
  ? FromSchema<First, Root> & FromAll<Rest, Root>
  : unknown

type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T
