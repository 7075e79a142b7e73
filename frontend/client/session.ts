import type { Backend, ContentPart } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { type MediaHole, mediaKey } from '../dsl/media.js'
import { type LiteralSchema, type StandardSource, validatorOf } from '../dsl/schema.js'
import { type GenOptions, gen, type JsonSlotOptions, json, type SelectOptions, select } from '../dsl/slot.js'
import { turnOf } from '../dsl/turn.js'
import type { AnswerHole, AnswerHoles, Flat, Node, PromptHole, TurnCaptures } from '../dsl/types.js'
import { type BodyNode, type InputType, inputNode, type ProgramIr, programIr } from '../ir/node.js'
import type { SamplingOptions } from '../ir/options.js'
import { explain } from '../ir/print.js'
import { sentence, verify } from '../ir/verify.js'
import { capturedNames, turnsOf } from '../ir/visit.js'
import { Frame } from './frame.js'
import { readInputs } from './inputs.js'
import { interpret } from './interpret.js'
import { type RequestSettings, routing } from './request.js'
import { addUsage, NO_USAGE, type RunUsage } from './usage.js'

export interface SessionOptions extends Omit<RequestSettings, 'sampling'> {
  /** Stands in error messages and in explain(). Default 'session'. */
  readonly name?: string
  /** Under every slot's own options. */
  readonly sampling?: SamplingOptions
  /** Cancels what is being generated and all that is asked later. */
  readonly signal?: AbortSignal
  /** Called with each piece of text as it is generated. */
  readonly onText?: (delta: string, capture: string) => void
}

type TurnHole = PromptHole | MediaHole

/**
 * A conversation whose next step is decided while it goes on, by the language's own control flow. The same turns and
 * slots as in a program, sent one at a time; what has been said is never computed twice. Steps run in the order in
 * which they were asked for, awaited or not. A step that fails leaves the session as it was before: what the user said
 * still waits to be sent, and may be tried again or dropped.
 */
export class Session {
  readonly #backend: Backend
  readonly #options: SessionOptions
  /** By mediaKey(). */
  readonly #media: Map<string, { readonly name: string; readonly hole: MediaHole }>
  readonly #loaded: Map<string, ContentPart>
  readonly #done: BodyNode[]
  /** Said, and not yet sent with a step that succeeded. */
  #waiting: BodyNode[]
  /** Waiting turns that a failed step had taken; the next one takes them along. */
  #unsent: BodyNode[]
  #frame: Frame
  #usage = NO_USAGE
  #unnamed = 0
  #tail: Promise<unknown> = Promise.resolve()

  constructor(backend: Backend, options: SessionOptions = {}, parent: Session | null = null) {
    this.#backend = backend
    this.#options = options
    this.#media = new Map(parent === null ? [] : parent.#media)
    this.#loaded = new Map(parent === null ? [] : parent.#loaded)
    this.#done = parent === null ? [] : [...parent.#done]
    this.#waiting = parent === null ? [] : [...parent.#waiting]
    this.#unsent = parent === null ? [] : [...parent.#unsent]
    this.#frame = parent === null ? new Frame(null, '', []) : parent.#frame.attempt()
    this.#unnamed = parent === null ? 0 : parent.#unnamed
  }

  /** Sums so far over the session's requests, those of failed steps included. */
  get usage(): RunUsage {
    return this.#usage
  }

  /** Everything captured so far, by name. */
  get captures(): Readonly<Record<string, unknown>> {
    return this.#frame.values()
  }

  /** Sets the system turn; only before all others. Sent with the next generation. */
  system(strings: TemplateStringsArray, ...holes: TurnHole[]): void {
    this.#waiting.push(turnOf('system', strings, this.#holes(holes)))
  }

  /** Says something: chat.user`${image('receipt.png')} What is the total?` Sent with the next generation. */
  user(strings: TemplateStringsArray, ...holes: TurnHole[]): void {
    this.#waiting.push(turnOf('user', strings, this.#holes(holes)))
  }

  /** Lets the model answer; resolves with what the turn captures. */
  assistant<const H extends readonly AnswerHole[]>(
    strings: TemplateStringsArray,
    ...holes: H & AnswerHoles<H>
  ): Promise<Flat<TurnCaptures<H>>> {
    return this.send<TurnCaptures<H>>({ ir: turnOf('assistant', strings, holes) })
  }

  /** An answer that is free text. */
  async gen(options?: GenOptions): Promise<string> {
    const name = this.#name('gen')
    return (await this.assistant`${gen<string>(name, options)}`)[name]!
  }

  /** An answer that is one of the choices. */
  async select<const C extends readonly string[]>(choices: C, options?: SelectOptions): Promise<C[number]> {
    const name = this.#name('select')
    return (await this.assistant`${select<string, readonly C[number][]>(name, choices, options)}`)[name]!
  }

  /** An answer that satisfies the schema. */
  async json<T>(schema: StandardSource<T> | LiteralSchema<T>, options?: JsonSlotOptions): Promise<T> {
    const name = this.#name('json')
    return (await this.assistant`${json<string, T>(name, schema, options)}`)[name]!
  }

  /** Runs any node of a program here - a turn, fork, when or repeat - and resolves with what it captures. */
  send<C>(node: Node<C>): Promise<Flat<C>> {
    const said = this.#waiting
    this.#waiting = []
    const step = this.#tail.then(async () => {
      const before = [...this.#unsent, ...said]
      this.#unsent = before
      await this.#step([...before, node.ir])
      this.#unsent = []
    })
    // The next step runs after a failed one too; whoever asked for that one hears of it.
    this.#tail = step.catch(() => {})
    return step.then(() => {
      const values = this.#frame.values()
      return Object.fromEntries(
        [...discriminantsOf(node.ir), ...capturedNames([node.ir])].flatMap(name =>
          Object.hasOwn(values, name) ? [[name, values[name]]] : [],
        ),
      ) as Flat<C>
    })
  }

  /** Forgets what the user said since the last step that succeeded. */
  drop(): void {
    this.#waiting = []
    this.#unsent = []
  }

  /** A second session that starts from what this one has said once all its steps are done. They go separate ways. */
  async fork(): Promise<Session> {
    await this.#tail
    return new Session(this.#backend, this.#options, this)
  }

  /** What has been said, as a program: pictures are its inputs. */
  toProgram(): ProgramIr {
    return this.#programOf([...this.#done, ...this.#unsent, ...this.#waiting])
  }

  explain(): string {
    return explain(this.toProgram())
  }

  async #step(nodes: readonly BodyNode[]): Promise<void> {
    const { signal = new AbortController().signal, sampling = {}, onText } = this.#options
    const program = this.#programOf([...this.#done, ...nodes])
    const issues = verify(program)
    if (issues.length > 0) {
      const what = issues.map(issue => sentence(program.name, issue)).join('\n')
      throw new EngineError('PROGRAM_INVALID', { program: program.name, what, issues })
    }
    const frame = this.#frame.attempt()
    await interpret(nodes, frame, {
      program: program.name,
      backend: this.#backend,
      inputs: await this.#read(program),
      settings: { ...routing(this.#options), sampling: [sampling] },
      validatorOf,
      signal,
      report: event => {
        if (event.type === 'usage') this.#usage = addUsage(this.#usage, event.usage)
        else if (event.type === 'text-delta') onText?.(event.delta, event.path)
      },
    })
    this.#frame = frame
    this.#done.push(...nodes)
  }

  #programOf(body: readonly BodyNode[]): ProgramIr {
    const types = new Map([...this.#media.values()].map(({ name, hole }) => [name, hole.type]))
    const shown = [...turnsOf(body)].flatMap(turn => turn.content).filter(part => part.kind === 'input')
    const inputs = Object.fromEntries(shown.map(({ name }): [string, InputType] => [name, types.get(name) ?? 'text']))
    return programIr(this.#options.name ?? 'session', inputs, body, this.#options.sampling)
  }

  /** The program's pictures, each read once in the life of a session. */
  async #read(program: ProgramIr): Promise<ReadonlyMap<string, ContentPart>> {
    const fresh = [...this.#media.values()].filter(
      ({ name }) => Object.hasOwn(program.inputs, name) && !this.#loaded.has(name),
    )
    const types = Object.fromEntries(fresh.map(({ name, hole }) => [name, hole.type]))
    const values = Object.fromEntries(fresh.map(({ name, hole }) => [name, hole.value]))
    for (const [name, part] of await readInputs(program.name, types, values)) this.#loaded.set(name, part)
    return this.#loaded
  }

  /** Pictures become inputs; one picture that is shown twice is one input. */
  #holes(holes: readonly TurnHole[]): PromptHole[] {
    return holes.map(hole => {
      if (typeof hole !== 'object' || hole === null || !('kind' in hole)) return hole
      const key = mediaKey(hole)
      const known = this.#media.get(key) ?? { name: `${hole.type}${this.#media.size + 1}`, hole }
      this.#media.set(key, known)
      return { ir: inputNode(known.name), type: hole.type }
    })
  }

  #name(kind: string): string {
    this.#unnamed += 1
    return `${kind}${this.#unnamed}`
  }
}

/**
 * Starts a session on a backend.
 *
 * @example
 * const chat = session(engine)
 * chat.user`${image('scan.png')}Is this a receipt, a label or a price tag?`
 * if ((await chat.select(['receipt', 'label', 'price tag'])) === 'receipt') {
 *   chat.user`Extract total as JSON.`
 *   const { total } = await chat.json(Total)
 * }
 */
export function session(backend: Backend, options: SessionOptions = {}): Session {
  return new Session(backend, options)
}

/** What the cases that a `when` may take are told apart by; those of a `when` inside of one too. */
function discriminantsOf(node: BodyNode): readonly string[] {
  return node.kind === 'when' ? [node.on, ...node.cases.flatMap(each => each.body.flatMap(discriminantsOf))] : []
}
