import { type Checkpoint, openCheckpoint } from '../checkpoint/index.js'
import { KernelFailure } from '../failure.js'
import { EmbeddingTable } from '../graphs/index.js'
import type { Segment } from '../layout.js'
import type { Agreement, EncodeItem, ModelVerification, SessionOptions } from '../protocol.js'
import { type Golden, readGolden } from './golden.js'
import { LoadedModel } from './loaded-model.js'
import { referenceFeatures, referenceLogits } from './reference.js'
import { makeRows } from './rows.js'

/** Tokens before and after the rows of a picture in the text that is tried. */
const BEFORE = 3
const ROWS = 3
const AFTER = 3
const LENGTH = BEFORE + ROWS + AFTER

/**
 * Runs a short prompt with rows of a picture through the graphs and through plain arithmetic in double precision, in one
 * pass and in pieces, and, where the folder has a `golden.json`, the prompt that it tells of. Takes seconds for every
 * thousand million parameters. Throws MODEL_CORRUPT when features or logits are not finite, and what loading throws.
 */
export async function verifyModel(path: string, session: SessionOptions): Promise<ModelVerification> {
  const checkpoint = await openCheckpoint(path)
  const golden = await readGolden(path)
  const { tileSize, featuresPerTile } = checkpoint.info.vision
  const tileElements = 3 * tileSize ** 2
  const model = await LoadedModel.open(checkpoint, session, {
    length: Math.max(LENGTH, featuresPerTile, golden?.ids.length ?? 0, golden?.gather.length ?? 0),
    tiles: Math.max(1, (golden?.pixels.length ?? 0) / tileElements),
  })
  try {
    const pixels = Float32Array.from({ length: tileElements }, (_, i) => Math.sin(i * i * 0.37 + i))
    const features = await encode(checkpoint, model, pixels, null, false)
    const expectedFeatures = await referenceFeatures(checkpoint, pixels)
    const { before, after } = triedIds(checkpoint)
    const segments: Segment[] = [
      { kind: 'tokens', ids: before },
      { kind: 'features', row: 0, count: ROWS },
      { kind: 'tokens', ids: after },
    ]
    const logits = await prefill(checkpoint, model, segments, LENGTH)
    const expected = await referenceLogits(checkpoint, await embed(checkpoint, before, expectedFeatures.values, after))
    return {
      binding: model.binding,
      features: compare(features, expectedFeatures.values, checkpoint.info.text.hiddenSize),
      logits: compare(logits, expected.values, checkpoint.info.text.vocabRows),
      pieces: await comparePieces(checkpoint, model, segments, after, logits),
      golden: golden === null ? null : await compareGolden(checkpoint, model, golden),
    }
  } finally {
    await model.close()
  }
}

/** Ids spread over the vocabulary, the start of a text first. */
function triedIds({ info }: Checkpoint): { readonly before: number[]; readonly after: number[] } {
  const { vocabRows, bosId } = info.text
  const spread = Array.from({ length: BEFORE + AFTER }, (_, i) =>
    Math.floor(((i + 0.5) * vocabRows) / (BEFORE + AFTER)),
  )
  return { before: [bosId ?? spread[0]!, ...spread.slice(1, BEFORE)], after: spread.slice(BEFORE) }
}

async function encode(
  checkpoint: Checkpoint,
  model: LoadedModel,
  pixels: Float32Array,
  gather: readonly number[] | null,
  pooled: boolean,
): Promise<Float32Array> {
  const { vision, text } = checkpoint.info
  const handle = (region: 'pixels' | 'features', shape: readonly number[]): EncodeItem['features'] => {
    return { device: 'cpu', region, offset: 0, type: 'float32', shape }
  }
  const shape = [pixels.length / (3 * vision.tileSize ** 2), 3, vision.tileSize, vision.tileSize]
  const rows = gather?.length ?? vision.featuresPerTile
  const item = {
    pixels: handle('pixels', shape),
    gather,
    pooled,
    features: handle('features', [rows, text.hiddenSize]),
  }
  const features = await model.encode(item, pixels)
  checkFinite(checkpoint, features, 'the features of a picture')
  return features
}

async function prefill(
  checkpoint: Checkpoint,
  model: LoadedModel,
  segments: readonly Segment[],
  length: number,
): Promise<Float32Array> {
  const logitRows = Array.from({ length }, (_, row) => row)
  const logits = await model.prefill({ slot: 0, start: 0, segments, logitRows })
  checkFinite(checkpoint, logits, 'the logits')
  return logits
}

function checkFinite({ path }: Checkpoint, values: Float32Array, name: string): void {
  const at = values.findIndex(value => !Number.isFinite(value))
  if (at < 0) return
  const what = `${name} hold ${values[at]} at element ${at}; its weights do not make a model that computes.`
  throw new KernelFailure('MODEL_CORRUPT', { path, what })
}

async function embed(checkpoint: Checkpoint, before: number[], features: Float64Array, after: number[]) {
  const { hiddenSize } = checkpoint.info.text
  const table = await EmbeddingTable.read(checkpoint)
  const tokens = new Float32Array((BEFORE + AFTER) * hiddenSize)
  table.copyRows([...before, ...after], tokens, 0)
  const rows = makeRows(LENGTH, hiddenSize)
  rows.values.set(tokens.subarray(0, BEFORE * hiddenSize))
  rows.values.set(features.subarray(0, ROWS * hiddenSize), BEFORE * hiddenSize)
  rows.values.set(tokens.subarray(BEFORE * hiddenSize), (BEFORE + ROWS) * hiddenSize)
  return rows
}

/** The same prompt cut inside the picture, and its last token as a step of two sequences. */
async function comparePieces(
  checkpoint: Checkpoint,
  model: LoadedModel,
  [before, , after]: readonly Segment[],
  ids: readonly number[],
  whole: Float32Array,
): Promise<Agreement> {
  const { vocabRows } = checkpoint.info.text
  const cut = BEFORE + 1
  const pieces: Float32Array[] = []
  for (const slot of [1, 0]) {
    const start: Segment[] = [before!, { kind: 'features', row: 0, count: 1 }]
    const rest: Segment[] = [{ kind: 'features', row: 1, count: ROWS - 1 }, after!]
    const rows = (count: number): number[] => Array.from({ length: count }, (_, row) => row)
    pieces[0] = await model.prefill({ slot, start: 0, segments: start, logitRows: rows(cut) })
    pieces[1] = await model.prefill({ slot, start: cut, segments: rest, logitRows: rows(LENGTH - cut) })
  }
  const last = ids.at(-1)!
  // The last position is written once more, from the same token.
  pieces[2] = await model.decode({ firstSlot: 0, tokenIds: [last, last], lengths: [LENGTH - 1, LENGTH - 1] })
  const final = whole.subarray((LENGTH - 1) * vocabRows)
  return compare(
    Float32Array.from(pieces.flatMap(piece => [...piece])),
    Float32Array.from([...whole, ...final, ...final]),
    vocabRows,
  )
}

async function compareGolden(checkpoint: Checkpoint, model: LoadedModel, golden: Golden) {
  const { hiddenSize, vocabRows } = checkpoint.info.text
  const features = await encode(checkpoint, model, golden.pixels, golden.gather, golden.isVideo)
  const logits = await prefill(checkpoint, model, segmentsOf(golden), golden.ids.length)
  return {
    features: compare(features, golden.features, hiddenSize),
    logits: compare(logits, golden.logits, vocabRows),
  }
}

/** Runs of tokens and of feature rows. */
function segmentsOf({ ids, placeholder }: Golden): Segment[] {
  const segments: Segment[] = []
  let row = 0
  for (let at = 0; at < ids.length; ) {
    const isFeature = ids[at] === placeholder
    let end = at + 1
    while (end < ids.length && (ids[end] === placeholder) === isFeature) end++
    segments.push(isFeature ? { kind: 'features', row, count: end - at } : { kind: 'tokens', ids: ids.slice(at, end) })
    if (isFeature) row += end - at
    at = end
  }
  return segments
}

/** By rows of `width`. A golden of another size than the model's output agrees in nothing. */
function compare(actual: Float32Array, expected: ArrayLike<number>, width: number): Agreement {
  const rows = expected.length / width
  if (actual.length !== expected.length) return { largest: null, relative: null, agreeing: 0, rows }
  let [largest, difference, size, agreeing] = [0, 0, 0, 0]
  for (let row = 0; row < rows; row++) {
    let [best, expectedBest] = [row * width, row * width]
    for (let i = row * width; i < (row + 1) * width; i++) {
      largest = Math.max(largest, Math.abs(actual[i]! - expected[i]!))
      difference += (actual[i]! - expected[i]!) ** 2
      size += expected[i]! ** 2
      if (actual[i]! > actual[best]!) best = i
      if (expected[i]! > expected[expectedBest]!) expectedBest = i
    }
    if (best === expectedBest) agreeing++
  }
  return { largest, relative: Math.sqrt(difference / size), agreeing, rows }
}
