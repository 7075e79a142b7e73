import { EngineError } from '../protocol/error.js'
import { readFields } from './protobuf-fields.js'

type Json = Readonly<Record<string, unknown>>

interface Piece {
  readonly text: string
  readonly score: number
  readonly type: number
}

interface SentencePieceModel {
  readonly pieces: readonly Piece[]
  /** 1 unigram, 2 byte pairs. */
  readonly modelType: number
  readonly dummyPrefix: boolean
  readonly squeezesSpaces: boolean
  readonly hasCharacterMap: boolean
}

const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const METASPACE = '▁'

/**
 * The tokenizer.json of a `tokenizer.model`, for checkpoints of the first authors, which have no other. Byte-pair models
 * without a character map, as LLaMA's and Mistral's. Throws MODEL_CORRUPT, MODEL_UNSUPPORTED.
 */
export function convertSentencePiece(bytes: Uint8Array, path: string): Json {
  const model = readModel(bytes, path)
  const refuse = (what: string): never => {
    throw new EngineError('MODEL_UNSUPPORTED', { path, what: `its tokenizer.model ${what}.` })
  }
  if (model.modelType !== 2) refuse(`is of type ${model.modelType}; 2 (byte pairs) is known`)
  if (model.hasCharacterMap) refuse('normalises by a character map')
  if (model.squeezesSpaces) refuse('removes extra spaces')
  const { pieces } = model
  const added = pieces.flatMap(({ text, type }, id) => {
    if (type !== UNKNOWN && type !== CONTROL && type !== USER_DEFINED) return []
    return [{ id, content: text, special: type !== USER_DEFINED, normalized: false }]
  })
  const start = pieces.findIndex(({ text, type }) => type === CONTROL && text === '<s>')
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: METASPACE }
  const prefix = { type: 'Prepend', prepend: METASPACE }
  return {
    added_tokens: added,
    normalizer: { type: 'Sequence', normalizers: model.dummyPrefix ? [prefix, spaces] : [spaces] },
    pre_tokenizer: null,
    post_processor: start < 0 ? null : startProcessor(start),
    decoder: {
      type: 'Sequence',
      decoders: [{ type: 'Replace', pattern: { String: METASPACE }, content: ' ' }, { type: 'ByteFallback' }],
    },
    model: {
      type: 'BPE',
      unk_token: pieces.find(({ type }) => type === UNKNOWN)?.text ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesOf(pieces),
    },
  }
}

function startProcessor(id: number): Json {
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [id], tokens: ['<s>'] } },
  }
}

/** Every pair of pieces that makes a piece, the best score first. Ties go as in transformers' own conversion. */
function mergesOf(pieces: readonly Piece[]): [string, string][] {
  const idOf = new Map(pieces.map(({ text }, id) => [text, id]))
  const merges: { left: string; right: string; score: number; order: number }[] = []
  for (const { text, score } of pieces) {
    const characters = [...text]
    const found = characters.slice(1).flatMap((_, cut) => {
      const left = characters.slice(0, cut + 1).join('')
      const right = characters.slice(cut + 1).join('')
      return idOf.has(left) && idOf.has(right) ? [{ left, right, score }] : []
    })
    found.sort((a, b) => idOf.get(a.left)! - idOf.get(b.left)! || idOf.get(a.right)! - idOf.get(b.right)!)
    for (const merge of found) merges.push({ ...merge, order: merges.length })
  }
  merges.sort(
    (a, b) =>
      b.score - a.score ||
      [...b.left].length - [...a.left].length ||
      [...b.right].length - [...a.right].length ||
      a.order - b.order,
  )
  return merges.map(({ left, right }) => [left, right])
}

function readModel(bytes: Uint8Array, path: string): SentencePieceModel {
  try {
    const pieces: Piece[] = []
    let trainer = new Uint8Array()
    let normalizer = new Uint8Array()
    for (const { number, value } of readFields(bytes)) {
      if (!(value instanceof Uint8Array)) continue
      if (number === 1) pieces.push(readPiece(value))
      if (number === 2) trainer = Uint8Array.from(value)
      if (number === 3) normalizer = Uint8Array.from(value)
    }
    if (pieces.length === 0) throw new RangeError('it has no pieces')
    const rules = new Map([...readFields(normalizer)].map(({ number, value }) => [number, value]))
    const map = rules.get(2)
    return {
      pieces,
      modelType: Number([...readFields(trainer)].find(({ number }) => number === 3)?.value ?? 1),
      dummyPrefix: rules.get(3) !== 0,
      squeezesSpaces: rules.get(4) !== 0,
      hasCharacterMap: map instanceof Uint8Array && map.length > 0,
    }
  } catch (cause) {
    const what = `tokenizer.model cannot be read: ${(cause as Error).message}.`
    throw new EngineError('MODEL_CORRUPT', { path, what }, { cause })
  }
}

function readPiece(message: Uint8Array): Piece {
  const fields = new Map([...readFields(message)].map(({ number, value }) => [number, value]))
  const text = fields.get(1)
  return {
    text: text instanceof Uint8Array ? Buffer.from(text).toString('utf8') : '',
    score: Number(fields.get(2) ?? 0),
    type: Number(fields.get(3) ?? 1),
  }
}
