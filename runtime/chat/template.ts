import { Template } from '@huggingface/jinja'
import type { Role } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'

/** Content of a message as templates take it: one text, or a list of typed parts. */
export type TemplateContent = string | readonly ({ type: 'text'; text: string } | { type: 'image' | 'video' })[]
export interface TemplateMessage {
  readonly role: Role
  readonly content: TemplateContent
}

export interface TemplateOptions {
  /** For messages about it. */
  readonly name: string
  readonly text: string
  /** Text by which the template marks the place of a picture. */
  readonly imageToken: string
  /** Text by which it marks the place of a video. Default '<video>'. */
  readonly videoToken?: string
  readonly bosToken: string
  readonly eosToken: string
  readonly stop?: readonly string[]
  /** Put after every finished assistant turn that the template leaves open. */
  readonly closeTurnsWith?: string | null
}

const PROBE = 'Qprobeq'

/** A compiled chat template, and what was found out about it by rendering small conversations. */
export class ChatTemplate {
  readonly name: string
  readonly text: string
  readonly imageToken: string
  readonly videoToken: string
  /** Texts that end an answer beside the end-of-sequence tokens. */
  readonly stop: readonly string[]
  readonly closeTurnsWith: string | null
  /** Which roles take their content as a list of parts; the others take one text. */
  readonly takesParts: Readonly<Record<Role, boolean>>
  /** Whether it marks the place of a video by a token of its own; where not, a video stands where a picture would. */
  readonly marksVideos: boolean
  /** Whether the text after a picture begins on a new line. */
  readonly endsPlaceWithNewline: boolean
  /** Whitespace between the generation prompt and the content in a finished assistant turn. */
  readonly glue: string
  readonly #program: Template
  readonly #variables: Readonly<Record<string, unknown>>

  /** Throws TEMPLATE_FAILED when the text is no template. */
  constructor(options: TemplateOptions) {
    this.name = options.name
    this.text = options.text
    this.imageToken = options.imageToken
    this.videoToken = options.videoToken ?? '<video>'
    this.stop = options.stop ?? []
    this.closeTurnsWith = options.closeTurnsWith ?? null
    this.#variables = { image_token: options.imageToken, bos_token: options.bosToken, eos_token: options.eosToken }
    this.#program = guard(() => new Template(options.text))
    const user = this.#probe('user', [])
    const question: TemplateMessage = { role: 'user', content: probeContent(user) }
    this.takesParts = {
      user,
      system: this.#probe('system', [], [question]),
      assistant: this.#probe('assistant', [question]),
    }
    this.marksVideos = user && this.#findVideoMark()
    this.glue = this.#findGlue(question)
    this.endsPlaceWithNewline = !user || this.#findNewline()
  }

  /** Throws TEMPLATE_FAILED with the template's own complaint. */
  render(messages: readonly TemplateMessage[], addGenerationPrompt: boolean): string {
    const variables = { ...this.#variables, messages, add_generation_prompt: addGenerationPrompt }
    return guard(() => this.#program.render(variables))
  }

  /** Whether the role's content may be a list of parts: rendered so, its text comes out whole. */
  #probe(role: Role, before: readonly TemplateMessage[], after: readonly TemplateMessage[] = []): boolean {
    const rendered = this.#attempt([...before, { role, content: probeContent(true) }, ...after])
    return rendered?.includes(PROBE) === true && !rendered.includes('[object') && !rendered.includes('"type"')
  }

  #findVideoMark(): boolean {
    const rendered = this.#attempt([{ role: 'user', content: [{ type: 'video' }, { type: 'text', text: PROBE }] }])
    return rendered?.split(this.videoToken).length === 2
  }

  #findNewline(): boolean {
    const content = [{ type: 'image' }, { type: 'text', text: PROBE }] as const
    return this.#attempt([{ role: 'user', content }])?.includes(`${this.imageToken}\n${PROBE}`) === true
  }

  #findGlue(question: TemplateMessage): string {
    const answer: TemplateMessage = { role: 'assistant', content: probeContent(this.takesParts.assistant, 'Aproba') }
    const open = this.#attempt([question], true)
    const closed = this.#attempt([question, answer])
    if (open === null || closed?.startsWith(open) !== true) return ''
    return /^(\s*)Aproba/.exec(closed.slice(open.length))?.[1] ?? ''
  }

  #attempt(messages: readonly TemplateMessage[], addGenerationPrompt = false): string | null {
    try {
      return this.render(messages, addGenerationPrompt)
    } catch (error) {
      if (EngineError.isInstance(error) && error.code === 'TEMPLATE_FAILED') return null
      throw error
    }
  }
}

function probeContent(parts: boolean, text = PROBE): TemplateContent {
  return parts ? [{ type: 'text', text }] : text
}

function guard<Result>(action: () => Result): Result {
  try {
    return action()
  } catch (cause) {
    throw new EngineError(
      'TEMPLATE_FAILED',
      { what: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    )
  }
}
