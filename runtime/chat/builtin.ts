/** Jinja texts of the prompts that the families were trained with. `image_token`, `bos_token` and `eos_token` are given. */
export interface BuiltinTemplate {
  readonly text: string
  /** Texts that end an answer beside the end-of-sequence tokens. */
  readonly stop: readonly string[]
}

/** Pictures come first in their turn, each on a line of its own; then the texts. */
const BODY = `
{%- macro body(content) -%}
  {%- if content is string -%}{{ content }}
  {%- else -%}
    {%- for part in content -%}{%- if part.type == 'image' -%}{{ image_token + '\\n' }}{%- endif -%}{%- endfor -%}
    {%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
  {%- endif -%}
{%- endmacro -%}`

/** Splits off a system message: \`system\` is its text or the default, \`turns\` the rest. */
function withSystem(defaultSystem: string, body: string): string {
  return `${BODY}
{%- if messages and messages[0].role == 'system' -%}
  {%- set system = body(messages[0].content) -%}{%- set turns = messages[1:] -%}
{%- else -%}
  {%- set system = ${JSON.stringify(defaultSystem)} -%}{%- set turns = messages -%}
{%- endif -%}
${body}`
}

const CURIOUS = (noun: string) =>
  `A chat between a curious ${noun} and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the ${noun}'s questions.`

const LANGUAGE_AND_VISION =
  'You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist the user with a variety of tasks using natural language.'

const MPT =
  'A conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest answers.'

const VICUNA_V1 = `
{{- system + ' ' -}}
{%- for message in turns -%}
  {%- if message.role == 'user' -%}{{ 'USER: ' + body(message.content) + ' ' }}
  {%- else -%}{{ 'ASSISTANT: ' + body(message.content) + '</s>' }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}`

const LLAVA_V0 = `
{{- system + '###' -}}
{%- for message in turns -%}
  {{- ('Human: ' if message.role == 'user' else 'Assistant: ') + body(message.content) + '###' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}`

/** Shared by LLaMA-2 and Mistral: the system text stands in the first question, and only later turns repeat the start token. */
const INSTRUCTION = (nextStart: string) => `
{%- for message in turns -%}
  {%- if message.role == 'user' -%}
    {{- ('${nextStart}' if not loop.first else '') + '[INST] ' -}}
    {%- if loop.first and system -%}{{ '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' }}{%- endif -%}
    {{- body(message.content) + ' [/INST]' -}}
  {%- else -%}{{ ' ' + body(message.content) + ' </s>' }}{%- endif -%}
{%- endfor -%}`

/** ChatML; `gap` is what stands between the turns. */
const CHATML = (gap: string) => `
{{- '<|im_start|>system\\n' + system + '<|im_end|>${gap}' -}}
{%- for message in turns -%}
  {{- '<|im_start|>' + message.role + '\\n' + body(message.content) + '<|im_end|>${gap}' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}`

const LLAMA_3 = `
{{- '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\n' + (system | trim) + '<|eot_id|>' -}}
{%- for message in turns -%}
  {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + (body(message.content) | trim) + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}`

const PLAIN = `
{%- for message in messages -%}
  {%- if message.content is string -%}{{ message.content }}
  {%- else -%}
    {%- for part in message.content -%}{{ image_token if part.type == 'image' else part.text }}{%- endfor -%}
  {%- endif -%}
  {%- if message.role == 'assistant' -%}{{ '\\n' }}{%- endif -%}
{%- endfor -%}`

export const BUILTIN_TEMPLATES = {
  vicuna_v1: { text: withSystem(CURIOUS('user'), VICUNA_V1), stop: [] },
  llava_v0: { text: withSystem(CURIOUS('human'), LLAVA_V0), stop: ['###'] },
  mistral_instruct: { text: withSystem('', INSTRUCTION('')), stop: [] },
  llava_llama_2: { text: withSystem(LANGUAGE_AND_VISION, INSTRUCTION('<s>')), stop: [] },
  chatml_direct: { text: withSystem('Answer the questions.', CHATML('')), stop: [] },
  mpt: { text: withSystem(MPT, CHATML('')), stop: [] },
  qwen_1_5: { text: withSystem('You are a helpful assistant.', CHATML('\\n')), stop: [] },
  llava_llama_3: { text: withSystem(LANGUAGE_AND_VISION, LLAMA_3), stop: [] },
  plain: { text: PLAIN, stop: ['\n'] },
} as const satisfies Record<string, BuiltinTemplate>

export type BuiltinName = keyof typeof BUILTIN_TEMPLATES
