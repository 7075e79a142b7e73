import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { ContentPart, GenerateResult, TokenLogprob } from '../../runtime/protocol/backend.js'
import { toPng } from './clips.js'
import { checkpointPath } from './golden-checkpoint.js'
import { patternImage } from './pictures.js'

type Size = readonly [width: number, height: number]

/** A clip's frame i is the pattern from column i on. */
export type GoldenPart =
  | { readonly text: string }
  | { readonly image: Size }
  | { readonly frames: number; readonly size: Size }

export interface FamilyCase {
  readonly name: string
  readonly parts: readonly GoldenPart[]
  /** The expanded prompt: [id, length] for a run of placeholders, [id] for any other token. */
  readonly ids: readonly (readonly [id: number, length?: number])[]
  readonly answer: readonly number[]
  /** Of every token of prompt and answer but the first. */
  readonly logprobs: readonly number[]
  /** The likeliest tokens at the last `last` positions of the prompt and those of the answer. */
  readonly top: readonly (readonly (readonly [id: number, logprob: number])[])[]
}

export interface FamilySet {
  readonly checkpoint: string
  /** The file of the checkpoint to change, and the fields. */
  readonly variant?: { readonly file: string; readonly fields: Readonly<Record<string, unknown>> }
  readonly cases: readonly FamilyCase[]
}

interface FamilyGoldens {
  /** Prompt positions at the end whose likeliest tokens are told. */
  readonly last: number
  readonly sets: readonly FamilySet[]
}

/** Written by training/fixtures/make_family_goldens.py: what transformers computes from the same pixels. */
export const familyGoldens = readGoldens('family-goldens.json.gz')

/** Written by training/fixtures/make_original_goldens.py: what the original code does and transformers does not. */
export const originalGoldens = readGoldens('original-goldens.json.gz')

function readGoldens(name: string): FamilyGoldens {
  return JSON.parse(gunzipSync(readFileSync(checkpointPath(name))).toString())
}

const encoded = new Map<string, Promise<Buffer>>()

/** The formula's picture as a PNG. Equal arguments give the same bytes. */
export function patternPng([width, height]: Size, shift = 0): Promise<Buffer> {
  const name = `${width}x${height}+${shift}`
  const known = encoded.get(name)
  if (known !== undefined) return known
  const wide = patternImage(width + shift, height)
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const start = (y * wide.width + shift) * 3
    data.set(wide.data.subarray(start, start + width * 3), y * width * 3)
  }
  const made = toPng({ width, height, data })
  encoded.set(name, made)
  return made
}

export async function contentOf({ parts }: FamilyCase): Promise<ContentPart[]> {
  return Promise.all(
    parts.map(async (part): Promise<ContentPart> => {
      if ('text' in part) return { kind: 'text', text: part.text }
      if ('image' in part) return { kind: 'image', image: { bytes: await patternPng(part.image) } }
      return { kind: 'video', video: { pictures: (await framesOf(part)).map(bytes => ({ bytes })) } }
    }),
  )
}

/** Rows of the fixtures' vocabulary, and the ids that transformers has for pictures and clips; the original code's files name none. */
const VOCABULARY = 264
const IMAGE = 4
const VIDEO = 261

export interface PlaceholderIds {
  readonly imageTokenId: number
  readonly videoTokenId?: number
}

export function expandedIds(
  { ids }: FamilyCase,
  { imageTokenId, videoTokenId = VIDEO }: PlaceholderIds = { imageTokenId: IMAGE },
): number[] {
  const spelled = new Map([
    [IMAGE, imageTokenId],
    [VIDEO, videoTokenId],
  ])
  return ids.flatMap(([id, length = 1]) => new Array<number>(length).fill(spelled.get(id) ?? id))
}

/** Of a part with frames: the pictures of its clip as PNGs. */
export function framesOf({ frames, size }: Extract<GoldenPart, { frames: number }>): Promise<Buffer[]> {
  return Promise.all(Array.from({ length: frames }, (_, shift) => patternPng(size, shift)))
}

/** The part of a result that is compared. */
export type Told = Pick<GenerateResult, 'logprobs' | 'promptLogprobs'>

/**
 * Largest difference of a log-probability, prompt positions from `promptFrom` on and answer; Infinity when a token is
 * likeliest here that is not among the golden's likeliest.
 */
export function largestDeviation(golden: FamilyCase, result: Told, promptFrom: number): number {
  const length = expandedIds(golden).length
  const told: readonly TokenLogprob[] = [...(result.promptLogprobs ?? []), ...(result.logprobs ?? [])]
  const expected = golden.logprobs.slice(Math.max(0, promptFrom - 1))
  const from = promptFrom === 0 ? 1 : 0
  if (told.length - from !== expected.length) return Number.POSITIVE_INFINITY
  let worst = 0
  for (const [at, expectedLogprob] of expected.entries()) {
    const { logprob, tokenId } = told[at + from]!
    // Without a token for pictures there is no probability of one.
    if (logprob === null && tokenId >= VOCABULARY) continue
    worst = Math.max(worst, Math.abs((logprob ?? Number.NaN) - expectedLogprob))
  }
  for (const [at, tokens] of golden.top.entries()) {
    const { top } = told[length - familyGoldens.last + at - promptFrom]!
    const likeliest = new Map(tokens)
    for (const [rank, { tokenId, logprob }] of top.entries()) {
      worst = Math.max(worst, Math.abs(logprob - tokens[rank]![1]))
      worst = Math.max(worst, Math.abs(logprob - (likeliest.get(tokenId) ?? Number.NEGATIVE_INFINITY)))
    }
  }
  return worst
}
