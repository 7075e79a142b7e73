import { z } from 'zod'
import {
  assistant,
  fork,
  gen,
  input,
  join,
  json,
  type Program,
  program,
  ref,
  repeat,
  schema,
  select,
  system,
  user,
  when,
} from '../../frontend/index.js'
import { GREY_PICTURE } from './picture.js'

/**
 * Programs that every backend must run. `answers` and `result` are for the scripted one: the first answer whose key
 * occurs in the last line of the prompt is given, and exactly this result must come out. Whatever another backend
 * answers must satisfy conform.ts.
 */
export interface CorpusEntry {
  readonly program: Program<Readonly<Record<string, unknown>>, unknown>
  readonly inputs: Readonly<Record<string, unknown>>
  readonly answers: Readonly<Record<string, string>>
  readonly result: unknown
}

function entry<I, O>(
  program: Program<I, O>,
  inputs: NoInfer<I>,
  answers: Readonly<Record<string, string>>,
  result: NoInfer<O>,
): CorpusEntry {
  return { program, inputs, answers, result } as unknown as CorpusEntry
}

const SHORT = { sampling: { maxTokens: 24 } }
const Receipt = schema({
  type: 'object',
  properties: { merchant: { type: 'string', maxLength: 12 }, total: { type: 'number' } },
  required: ['merchant', 'total'],
})

const question = program(
  'question',
  { question: input.text() },
  ({ question }) => [user`${question}`, assistant`${gen('answer')}`],
  SHORT,
)

const receipt = program('receipt', { photo: input.image() }, ({ photo }) => [
  user`${photo}Extract merchant, total as JSON.`,
  assistant`${json('receipt', Receipt, { maxTokens: 120 })}`,
])

const validated = program('validated', { photo: input.image() }, ({ photo }) => [
  user`${photo}JSON: price, currency`,
  assistant`${json(
    'tag',
    z.object({
      price: z.number().min(0).max(9999),
      currency: z.enum(['USD', 'EUR']).transform(code => code.toLowerCase()),
    }),
  )}`,
])

const kind = program('kind', { photo: input.image() }, ({ photo }) => {
  const kind = select('kind', ['receipt', 'label', 'price tag'])
  return [user`${photo}What kind of document is this?`, assistant`It is a ${kind}.`]
})

const fields = program('fields', { photo: input.image() }, ({ photo }) => {
  const fields = fork('fields', ['merchant', 'total'], key => [
    user`${photo}What is the ${key}?`,
    assistant`${gen('value', { maxTokens: 16, stop: ['\n'] })}`,
  ])
  return [fields, user`The fields: ${join(fields)}\nSum up.`, assistant`${gen('summary', { maxTokens: 16 })}`]
})

const routed = program('routed', { photo: input.image() }, ({ photo }) => {
  const kind = select('kind', ['receipt', 'label', 'price tag'])
  return [
    user`${photo}Is this a receipt, a label or a price tag?`,
    assistant`${kind}`,
    when(kind, {
      receipt: [user`Extract merchant, total as JSON.`, assistant`${json('receipt', Receipt, { maxTokens: 120 })}`],
      label: [user`What is the city?`, assistant`${gen('city', { maxTokens: 12 })}`],
      'price tag': [],
    }),
  ]
})

const tips = program('tips', { topic: input.text(), most: input.number() }, ({ topic, most }) => {
  const more = select('more', ['yes', 'no'])
  const tips = repeat('tips', { atMost: 3, until: { slot: more, is: 'no' } }, round => [
    user`Tip ${round + 1} of at most ${most} about ${topic}. Another after it?`,
    assistant`${gen('tip', { maxTokens: 12, stop: ['.'] })}. Another: ${more}`,
  ])
  return [
    system`You are brief.`,
    tips,
    user`Shorten: ${join(tips, (key, { tip }) => [`(${key}) `, tip], { separator: '; ' })}`,
    assistant`${gen('short', { maxTokens: 12 })}`,
  ]
})

const nested = program('nested', { photo: input.image() }, ({ photo }) => {
  const readable = select('readable', ['yes', 'no'])
  return [
    user`${photo}Can you read it?`,
    assistant`${readable}`,
    fork('views', ['top', 'bottom'], part => [
      when(readable, {
        yes: [user`Read the ${part}.`, assistant`${gen('text', { maxTokens: 8 })}`],
        no: [],
      }),
    ]),
  ]
})

const slots = program('slots', {}, () => {
  const first = gen('first', { regex: /[A-Z][a-z]{1,7}/, maxTokens: 12 })
  return [
    user`Name two friends.`,
    assistant`They are ${first} and ${gen('second', { regex: '[A-Z][a-z]{1,7}', maxTokens: 12 })}.`,
    user`Who is ${ref(first)}?`,
    assistant`${gen('who', { maxTokens: 12, temperature: 0.8, seed: 7 })}`,
  ]
})

export const CORPUS: readonly CorpusEntry[] = [
  entry(question, { question: 'What is two and two?' }, { two: 'Four.' }, { answer: 'Four.' }),
  entry(
    receipt,
    { photo: GREY_PICTURE },
    { '': '{"merchant":"Kiosk","total":12.4}' },
    { receipt: { merchant: 'Kiosk', total: 12.4 } },
  ),
  entry(
    validated,
    { photo: GREY_PICTURE },
    { '': '{"price":3,"currency":"EUR"}' },
    { tag: { price: 3, currency: 'eur' } },
  ),
  entry(kind, { photo: GREY_PICTURE }, { '': 'label' }, { kind: 'label' }),
  entry(
    fields,
    { photo: GREY_PICTURE },
    { 'the merchant?': 'Kiosk\nand more', 'the total?': '12.40', 'Sum up': 'Kiosk, 12.40' },
    { fields: { merchant: { value: 'Kiosk' }, total: { value: '12.40' } }, summary: 'Kiosk, 12.40' },
  ),
  entry(
    routed,
    { photo: GREY_PICTURE },
    { 'receipt, a label': 'receipt', Extract: '{"merchant":"Kiosk","total":1}' },
    { kind: 'receipt', receipt: { merchant: 'Kiosk', total: 1 } },
  ),
  entry(
    tips,
    { topic: 'tea', most: 3 },
    { Shorten: 'warm, wait', 'Warm it. Another': 'yes', 'Wait. Another': 'no', 'Tip 1': 'Warm it.', 'Tip 2': 'Wait.' },
    {
      tips: [
        { tip: 'Warm it', more: 'yes' },
        { tip: 'Wait', more: 'no' },
      ],
      short: 'warm, wait',
    },
  ),
  entry(
    nested,
    { photo: GREY_PICTURE },
    { 'Can you': 'yes', 'the top': 'KIOSK', 'the bottom': '12.40' },
    { readable: 'yes', views: { top: { readable: 'yes', text: 'KIOSK' }, bottom: { readable: 'yes', text: '12.40' } } },
  ),
  entry(
    slots,
    {},
    { 'They are Ada and': 'Bob', 'They are': 'Ada', Who: 'A friend.' },
    { first: 'Ada', second: 'Bob', who: 'A friend.' },
  ),
]
