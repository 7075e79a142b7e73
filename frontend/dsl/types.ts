/**
 * Type-level code only: how the captures of a program are read off its nodes. Nothing here exists at run time but the
 * `ir` fields, which hold the frozen data that the wrappers stand for.
 */
import type {
  BodyNode,
  ForkNode,
  InputNode,
  InputType,
  JoinNode,
  RefNode,
  RepeatNode,
  SlotNode,
  TurnNode,
  WhenNode,
} from '../ir/node.js'

/** A sentence from the compiler, where a value was expected that cannot exist. */
export interface TypeMessage<Sentence extends string> {
  readonly typeMessage: Sentence
}

/** A piece of a conversation that captures `C`, an object type; `unknown` when it captures nothing. */
export interface Node<C> {
  readonly ir: BodyNode
  /** Phantom: carries the type and is never set. */
  readonly captures?: C
}

export interface Turn<C> extends Node<C> {
  readonly ir: TurnNode
}

/** A place in an assistant turn that the model fills; the value of type `T` is captured under the name `N`. */
export interface Slot<N extends string, T> {
  readonly ir: SlotNode
  readonly name: N
  readonly value?: T
}

/** Text of an earlier capture, or of several joined. */
export interface Ref<T> {
  readonly ir: RefNode | JoinNode
  readonly value?: T
}

export interface InputHole<K extends InputType> {
  readonly ir: InputNode
  readonly type: K
}

/** What a user or system turn may hold. */
export type PromptHole = string | number | InputHole<InputType> | Ref<unknown>
/** What an assistant turn may hold: no pictures, but slots. */
export type AnswerHole = string | number | InputHole<'text' | 'number'> | Ref<unknown> | Slot<string, unknown>

export type BodyOf = readonly Node<unknown>[]

// Captures meet by one intersection of functions, without recursion: it keeps a branch's union whole and costs a
// third of what a fold over the tuple would.
// Something that is one of several things (`flag ? gen('x') : gen('y')`) is one member, a union, not several that meet.
type SlotRecord<H> = H extends Slot<infer N, infer T> ? { readonly [K in N]: T } : unknown
type SlotUse<H> = [Extract<H, Slot<string, unknown>>] extends [never] ? never : (captures: SlotRecord<H>) => void
type NodeRecord<H> = H extends Node<infer C> ? C : never
type NodeUse<H> = (captures: NodeRecord<H>) => void
type Meet<F> = [F] extends [never] ? unknown : [F] extends [(captures: infer I) => void] ? I : never
export type Flat<T> = T extends unknown ? { [K in keyof T]: T[K] } : never

/** What a turn with these holes captures. */
export type TurnCaptures<H extends readonly unknown[]> = Meet<{ [K in keyof H]: SlotUse<H[K]> }[number]>
/** What a body captures, as an exact object; a `when` makes it a union. */
export type Captures<B extends BodyOf> = B extends unknown
  ? Flat<Meet<{ [K in keyof B]: NodeUse<B[K]> }[number]>>
  : never

export type AnswerHoles<H extends readonly unknown[]> = {
  [K in keyof H]: H[K] extends InputHole<'image' | 'video'>
    ? TypeMessage<'an assistant turn holds no pictures; put it into a user turn'>
    : H[K]
}
export type PromptHoles<H extends readonly unknown[]> = {
  [K in keyof H]: H[K] extends Slot<infer N, unknown>
    ? TypeMessage<`only an assistant turn can generate "${N}"; refer to it with ref(${N})`>
    : H[K]
}

/** Branches by key; each captures `C`. */
export interface Fork<N extends string, K extends string, C>
  extends Node<{ readonly [P in N]: { readonly [Q in K]: C } }> {
  readonly ir: ForkNode
  readonly each?: C
}

export interface Repeat<N extends string, C> extends Node<{ readonly [P in N]: readonly C[] }> {
  readonly ir: RepeatNode
  readonly each?: C
}

export interface When<C> extends Node<C> {
  readonly ir: WhenNode
}

/** One member for each case: the choice itself, which narrows, with what its body captures. */
export type CaseCaptures<N extends string, B> = {
  [K in keyof B]: { readonly [P in N]: K } & Captures<Extract<B[K], BodyOf>>
}[keyof B]

/** Keys of all members of a union. */
export type Names<O> = O extends unknown ? keyof O & string : never
export type ValueAt<O, K extends string> = O extends unknown ? (K extends keyof O ? O[K] : never) : never

/** A picture: encoded bytes (PNG, JPEG, WebP, GIF, ...), a `file:` or `data:` URL, or a path. */
export type ImageValue = Uint8Array | URL | string

/**
 * A video: a file, given like a picture (MP4, WebM, Matroska, GIF, animated WebP), of which as many frames are sampled
 * as the checkpoint was trained on, or `frames` of them; or its frames as pictures, of which all are taken.
 */
export type VideoValue = ImageValue | { readonly file: ImageValue; readonly frames: number } | readonly ImageValue[]

export interface InputDeclaration<K extends InputType> {
  readonly type: K
}
export type InputDeclarations = Readonly<Record<string, InputDeclaration<InputType>>>
interface InputValues {
  readonly text: string
  readonly image: ImageValue
  readonly video: VideoValue
  readonly number: number
}
export type InputsOf<S extends InputDeclarations> = { readonly [K in keyof S]: InputValues[S[K]['type']] }
export type InputHoles<S extends InputDeclarations> = { readonly [K in keyof S]: InputHole<S[K]['type']> }
