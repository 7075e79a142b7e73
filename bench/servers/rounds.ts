/** What the servers are asked. Every round has fresh words and pictures: what a server reuses, it found within the round. */
import sharp from 'sharp'
import { type Answer, type Content, chat, chatStreamed, type Server } from './client.js'

export interface Round {
  readonly name: string
  readonly summary: string
  /** The figure that servers are compared by, and whether more of it is better. */
  readonly figure: string
  readonly moreIsBetter: boolean
  /** Figures by name; equal seeds ask equal things. */
  run(server: Server, seed: number): Promise<Record<string, number>>
}

const SIDE = 224
const WORDS =
  'the river runs north past an old mill where seven boats wait for grain and two men count sacks by lamp light before dawn'.split(
    ' ',
  )

const LABELS = ['cat', 'dog', 'car', 'tree', 'house', 'river', 'chart', 'text']
const COLOURS = ['red', 'green', 'blue', 'grey']
const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['label', 'count', 'indoor', 'colour'],
  properties: {
    label: { enum: LABELS },
    count: { type: 'integer', minimum: 0, maximum: 99 },
    indoor: { type: 'boolean' },
    colour: { enum: COLOURS },
  },
}
const oneOf = (words: readonly string[]): string => words.map(word => `"${word}"`).join(' | ')
const GRAMMAR =
  `root ::= "{\\"label\\":\\"" (${oneOf(LABELS)}) "\\",\\"count\\":" ("0" | [1-9] [0-9]?) ` +
  `",\\"indoor\\":" ("true" | "false") ",\\"colour\\":\\"" (${oneOf(COLOURS)}) "\\"}"`

function prose(seed: number, count: number): string {
  let state = seed >>> 0
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return WORDS[(state >>> 16) % WORDS.length]
  }).join(' ')
}

/** Smooth waves that no other seed draws, as a data URL. */
async function picture(seed: number): Promise<Exclude<Content, string>[number]> {
  const pixels = Buffer.alloc(SIDE * SIDE * 3)
  for (let i = 0; i < pixels.length; i++) {
    const x = Math.floor(i / 3) % SIDE
    const y = Math.floor(i / 3 / SIDE)
    const wave = 1 + ((seed * (1 + (i % 3))) % 97) / 10
    pixels[i] = 127 + 120 * Math.sin((x * wave) / 40 + (y * (11 - wave)) / 40)
  }
  const png = await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer()
  return { type: 'image_url', image_url: { url: `data:image/png;base64,${png.toString('base64')}` } }
}

/** At most `width` at a time. */
async function pool<T>(jobs: readonly (() => Promise<T>)[], width: number): Promise<T[]> {
  const results: T[] = []
  const rest = jobs.entries()
  const work = async (): Promise<void> => {
    for (const [index, job] of rest) results[index] = await job()
  }
  await Promise.all(Array.from({ length: width }, work))
  return results
}

async function timed(
  jobs: readonly (() => Promise<Answer>)[],
  width: number,
): Promise<{ seconds: number; answers: Answer[] }> {
  const begun = performance.now()
  const answers = await pool(jobs, width)
  return { seconds: (performance.now() - begun) / 1000, answers }
}

const sum = (answers: readonly Answer[], key: 'outputTokens' | 'promptTokens' | 'cachedTokens'): number =>
  answers.reduce((total, answer) => total + answer[key], 0)

function isValid(text: string): boolean {
  try {
    const { label, count, indoor, colour, ...more } = JSON.parse(text)
    const counted = Number.isInteger(count) && count >= 0 && count <= 99
    return (
      LABELS.includes(label) &&
      counted &&
      typeof indoor === 'boolean' &&
      COLOURS.includes(colour) &&
      Object.keys(more).length === 0
    )
  } catch {
    return false
  }
}

async function questions(server: Server, seed: number, width: number): Promise<Record<string, number>> {
  const shown = await picture(seed)
  const ask = (index: number) => () => {
    const text = `\nQuestion ${index}: ${prose(seed + index, 12)}?`
    return chat(server, [shown, { type: 'text', text }], 32)
  }
  const { seconds, answers } = await timed(
    Array.from({ length: 8 }, (_, index) => ask(index)),
    width,
  )
  return { seconds, cachedShare: sum(answers, 'cachedTokens') / sum(answers, 'promptTokens') }
}

export const ROUNDS: readonly Round[] = [
  {
    name: 'single',
    summary: 'one request, 128 tokens, streamed',
    figure: 'tokensPerSecond',
    moreIsBetter: true,
    run: async (server, seed) => ({ ...(await chatStreamed(server, `${seed} ${prose(seed, 48)}`, 128)) }),
  },
  {
    name: 'batch',
    summary: '16 requests at once, 64 tokens each, prompts included',
    figure: 'tokensPerSecond',
    moreIsBetter: true,
    async run(server, seed) {
      const jobs = Array.from({ length: 16 }, (_, i) => () => chat(server, `${seed + i} ${prose(seed + i, 48)}`, 64))
      const { seconds, answers } = await timed(jobs, 16)
      return { tokensPerSecond: sum(answers, 'outputTokens') / seconds, seconds }
    },
  },
  {
    name: 'questions',
    summary: '8 questions about one picture, one after the other, 32 tokens each',
    figure: 'seconds',
    moreIsBetter: false,
    run: (server, seed) => questions(server, seed, 1),
  },
  {
    name: 'questions-at-once',
    summary: 'the same 8 at once',
    figure: 'seconds',
    moreIsBetter: false,
    run: (server, seed) => questions(server, seed, 8),
  },
  {
    name: 'json',
    summary: 'JSON by a schema from 8 pictures at once',
    figure: 'seconds',
    moreIsBetter: false,
    async run(server, seed) {
      const constraint = server.takesGrammar
        ? { grammar: GRAMMAR }
        : { response_format: { type: 'json_schema', json_schema: { name: 'item', strict: true, schema: SCHEMA } } }
      const shown = await Promise.all(Array.from({ length: 8 }, (_, index) => picture(seed + 77 * index)))
      const text = '\nDescribe the picture as JSON with label, count, indoor, colour.'
      const jobs = shown.map(
        image => () => chat(server, [image, { type: 'text', text }], 96, { ignore_eos: false, ...constraint }),
      )
      const { seconds, answers } = await timed(jobs, 8)
      const valid = answers.filter(answer => isValid(answer.text)).length / answers.length
      return { seconds, validShare: valid, outputTokens: sum(answers, 'outputTokens') }
    },
  },
  {
    name: 'few-shot',
    summary: '16 requests behind one long text, 4 at a time, 8 tokens each',
    figure: 'seconds',
    moreIsBetter: false,
    async run(server, seed) {
      const shots = Array.from(
        { length: 24 },
        (_, i) => `Input: ${prose(seed + i, 24)}\nLabel: ${prose(seed + 99 * i, 1)}`,
      )
      const prefix = `${seed}\n${shots.join('\n')}`
      const jobs = Array.from(
        { length: 16 },
        (_, i) => () => chat(server, `${prefix}\nInput: ${prose(seed + 1000 + i, 24)}\nLabel:`, 8),
      )
      const { seconds, answers } = await timed(jobs, 4)
      return { seconds, cachedShare: sum(answers, 'cachedTokens') / sum(answers, 'promptTokens') }
    },
  },
]
