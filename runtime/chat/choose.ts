import type { Role } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import { BUILTIN_TEMPLATES, type BuiltinName } from './builtin.js'
import { ChatTemplate, type TemplateMessage } from './template.js'

type Json = Readonly<Record<string, unknown>>

/** The part of the runner's model description that matters here; `files` are the checkpoint's JSON files, parsed. */
export interface ChatFacts {
  readonly path: string
  readonly family: string
  readonly files: {
    readonly config: Json
    readonly processor: Json | null
    readonly tokenizerConfig: Json | null
    readonly chatTemplate: string | null
  }
}

export interface ChosenTemplate {
  readonly template: ChatTemplate
  /** `given`: by the override's text. `guess`: nothing in the checkpoint says which template it was trained with. */
  readonly source: 'checkpoint' | 'builtin' | 'given' | 'guess'
  readonly warning?: string
}

/**
 * The checkpoint's own template where it has one, repaired where a known fault is in it; otherwise that of the text
 * model. `override` is the name of a built-in template or the text of one. Throws TEMPLATE_FAILED when it is neither.
 */
export function chooseTemplate(facts: ChatFacts, override?: string): ChosenTemplate {
  if (override !== undefined) {
    const name = Object.keys(BUILTIN_TEMPLATES).find(name => name === override)
    if (name !== undefined) return { template: makeBuiltin(facts, name as BuiltinName), source: 'builtin' }
    if (override.includes('{')) return { template: make(facts, { name: 'given', text: override }), source: 'given' }
    const known = Object.keys(BUILTIN_TEMPLATES).join(', ')
    throw new EngineError('TEMPLATE_FAILED', { what: `there is no template "${override}"; built in are ${known}.` })
  }
  const own = facts.files.chatTemplate ?? ownTemplate(facts.files.tokenizerConfig?.chat_template)
  return own === null ? byTextModel(facts) : repaired(facts, own)
}

function ownTemplate(field: unknown): string | null {
  if (typeof field === 'string') return field
  if (!Array.isArray(field)) return null
  const named = field as { name?: unknown; template?: unknown }[]
  const chosen = named.find(entry => entry.name === 'default') ?? named[0]
  return typeof chosen?.template === 'string' ? chosen.template : null
}

/** Two faults of published templates: a mistyped end of sequence, and assistant turns that are never ended. */
function repaired(facts: ChatFacts, own: string): ChosenTemplate {
  const text = own.replace(/<\\+s>/g, '</s>')
  const warnings = text === own ? [] : ['its chat template spells the end of sequence "<\\s>", which is read as "</s>"']
  const end = tokenText(facts, 'eos_token')
  const plain = make(facts, { name: 'checkpoint', text })
  const unended = end === '</s>' && leavesTurnsOpen(plain)
  if (unended) warnings.push('its chat template ends no assistant turn; "</s>" is put after each, as in training')
  const template = unended ? make(facts, { name: 'checkpoint', text, closeTurnsWith: end }) : plain
  return { template, source: 'checkpoint', ...(warnings.length > 0 && { warning: `${warnings.join('; ')}.` }) }
}

/** Whether only spaces stand between an answer and the next turn, and the roles are plain words: nothing marks an end. */
function leavesTurnsOpen(template: ChatTemplate): boolean {
  const say = (role: Role, text: string): TemplateMessage => {
    return { role, content: template.takesParts[role] ? [{ type: 'text', text }] : text }
  }
  try {
    const rendered = template.render([say('user', 'Qone'), say('assistant', 'Aone'), say('user', 'Qtwo')], false)
    return /Aone\s*[A-Za-z]+: ?Qtwo/.test(rendered)
  } catch (error) {
    if (EngineError.isInstance(error)) return false
    throw error
  }
}

function byTextModel(facts: ChatFacts): ChosenTemplate {
  const { config, tokenizerConfig } = facts.files
  const text = (typeof config.text_config === 'object' ? config.text_config : config) as Json
  const model = String(text.model_type ?? config.model_type ?? '')
  const clues =
    `${facts.family} ${model} ${String(text._name_or_path ?? '')} ${String(config._name_or_path ?? '')}`.toLowerCase()
  const vocabulary = JSON.stringify(tokenizerConfig?.added_tokens_decoder ?? {})
  const rules: readonly (readonly [boolean, BuiltinName])[] = [
    [/mpt/.test(clues), 'mpt'],
    [/qwen/.test(clues), 'qwen_1_5'],
    [/mistral|bakllava/.test(clues), 'mistral_instruct'],
    [vocabulary.includes('<|eot_id|>') || Number(text.vocab_size) >= 128_000, 'llava_llama_3'],
    [vocabulary.includes('<|im_end|>') || /yi-34b|34b/.test(clues), 'chatml_direct'],
    [/llama-2|llama2/.test(clues), 'llava_llama_2'],
    [config.mm_projector_type === 'linear' || /v0\b/.test(clues), 'llava_v0'],
    [/vicuna|v1\.5|v1\.6/.test(clues), 'vicuna_v1'],
  ]
  const rule = rules.find(([holds]) => holds)
  if (rule !== undefined) return { template: makeBuiltin(facts, rule[1]), source: 'builtin' }
  const warning = 'it has no chat template and nothing names its text model; "vicuna_v1" is used.'
  return { template: makeBuiltin(facts, 'vicuna_v1'), source: 'guess', warning }
}

function makeBuiltin(facts: ChatFacts, name: BuiltinName): ChatTemplate {
  return make(facts, { name, ...BUILTIN_TEMPLATES[name] })
}

function make(
  facts: ChatFacts,
  options: { name: string; text: string; stop?: readonly string[]; closeTurnsWith?: string | null },
): ChatTemplate {
  const { processor, tokenizerConfig } = facts.files
  const named = processor?.image_token ?? tokenizerConfig?.image_token
  const imageToken = typeof named === 'string' ? named : '<image>'
  const namedVideo = processor?.video_token ?? tokenizerConfig?.video_token
  return new ChatTemplate({
    ...options,
    imageToken,
    ...(typeof namedVideo === 'string' && { videoToken: namedVideo }),
    bosToken: tokenText(facts, 'bos_token'),
    eosToken: tokenText(facts, 'eos_token'),
  })
}

/** A token field is its text, or an object that holds it. */
function tokenText(facts: ChatFacts, field: string): string {
  const value = facts.files.tokenizerConfig?.[field]
  if (typeof value === 'string') return value
  return typeof value === 'object' && value !== null ? String((value as { content?: unknown }).content ?? '') : ''
}
