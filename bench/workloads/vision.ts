import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ModelConfig, openCheckpoint } from '../../kernels/checkpoint/index.js'
import { patchesPerSide, towerDepth, towerRows } from '../../kernels/checkpoint/model-config.js'
import { prepareVision } from '../../kernels/graphs/index.js'
import { boundTensor, openSession } from '../../kernels/ort/index.js'
import { groupTensors } from '../../kernels/vision-runner.js'
import { CHOICES, resolveConfig, resolveHubAccess } from '../../runtime/config.js'
import { resolveModel } from '../../runtime/models/resolve.js'
import { type MatrixPeak, openMatrixPeak, type PeakKind } from '../matrix-peak.js'
import { writeRandomCheckpoint } from '../random-checkpoint.js'
import { type Measurement, median, spread, type Workload, type WorkloadOptions } from '../workload.js'

/** Tiles of one run: a picture by itself, and frames of a video that come together. */
const BATCHES = { images: 1, frames: 8 } as const

type Kind = keyof typeof BATCHES

interface Series {
  readonly kind: Kind
  readonly threads: number
  /** Milliseconds of one run. */
  run(): Promise<number>
  readonly perSecond: number[]
  /** Of what large products of the same kind of numbers reach in the same turn. */
  readonly shares: number[]
}

interface Tower {
  readonly label: string
  /** Of the numbers that most of its products multiply. */
  readonly peak: PeakKind
  readonly operations: number
  readonly series: readonly Series[]
  close(): Promise<void>
}

/** The tower and connector by themselves, on the model and on a ViT-B/16 with random weights. */
export const vision: Workload = {
  name: 'vision',
  summary: "pictures and frames a second of the vision tower, and its share of the machine's matrix speed",
  async run({ model, repeat }: WorkloadOptions, report): Promise<Measurement> {
    const folder = await mkdtemp(join(tmpdir(), 'radiant-vision-'))
    try {
      const random = join(folder, 'vit-b-16')
      await mkdir(random)
      await writeRandomCheckpoint(random)
      const { modelCachePath: cachePath, offline } = resolveConfig({ model })
      const { path, name } = await resolveModel(model, { cachePath, offline, hub: resolveHubAccess() })
      const measured: Measurement = { metrics: {}, ratios: {} }
      for (const [label, place] of [
        [name, path],
        ['vit-b-16', random],
      ] as const) {
        await measureModel(label, place, folder, repeat, measured, report)
      }
      return measured
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

async function measureModel(
  label: string,
  path: string,
  folder: string,
  repeat: number,
  { metrics, ratios }: { metrics: Record<string, number>; ratios: Record<string, number> },
  report: (line: string) => void,
): Promise<void> {
  const counts = [...new Set([1, availableParallelism()])]
  const peaks = new Map<string, { readonly peak: MatrixPeak; readonly speeds: number[] }>()
  const peakFolder = join(folder, `${label}-peak`)
  await mkdir(peakFolder)
  for (const kind of ['float32', 'int8'] as const) {
    for (const threads of counts) {
      peaks.set(`${kind}.threads${threads}`, { peak: await openMatrixPeak(peakFolder, threads, kind), speeds: [] })
    }
  }
  const towers = await openTowers(path, join(folder, 'graphs'), counts)
  // The first turn warms caches and threads.
  for (let turn = 0; turn <= repeat; turn++) {
    for (const { operations, peak: kind, series } of towers) {
      for (const each of series) {
        const { peak, speeds } = peaks.get(`${kind}.threads${each.threads}`)!
        const speed = await peak.measure()
        const seconds = (await each.run()) / 1000
        if (turn === 0) continue
        const tiles = BATCHES[each.kind]
        each.perSecond.push(tiles / seconds)
        each.shares.push((operations * tiles) / seconds / speed)
        speeds.push(speed / 1e9)
      }
    }
  }
  for (const [name, { speeds }] of peaks) {
    report(`${label}: large products, ${name.replace('.threads', ', threads ')}: ${spread(speeds)} GOP/s`)
    metrics[`${label}.${name}.peakGops`] = median(speeds)
  }
  for (const { label: precision, peak, operations, series } of towers) {
    for (const { kind, threads, perSecond, shares } of series) {
      const rate = (perSecond.length === 0 ? 0 : median(perSecond) * operations) / 1e9
      report(
        `${label} ${precision}, threads ${threads}: ${spread(perSecond)} ${kind} a second, ` +
          `${Number(rate.toPrecision(3))} GOP/s, ${spread(shares)} of the speed of large ${peak} products`,
      )
      const key = `${label}.${precision}.threads${threads}.${kind}`
      metrics[`${key}PerSecond`] = median(perSecond)
      ratios[`${key}ShareOfPeak`] = median(shares)
    }
  }
  await Promise.all([...towers, ...[...peaks.values()].map(({ peak }) => peak)].map(each => each.close()))
}

/** One tower for each graph: precisions that differ in the language model alone share theirs. */
async function openTowers(path: string, cachePath: string, counts: readonly number[]): Promise<readonly Tower[]> {
  const { config } = await openCheckpoint(path)
  const graphs = new Map<string, string[]>()
  const towers: Tower[] = []
  for (const precision of CHOICES.precision) {
    const { graphPath } = await prepareVision(path, { precision, cachePath })
    graphs.set(graphPath, [...(graphs.get(graphPath) ?? []), precision])
  }
  for (const [graphPath, precisions] of graphs) {
    const { pooling, info } = await prepareVision(path, { precision: precisions[0] as 'int8', cachePath })
    const sessions = await Promise.all(
      counts.map(async threads => ({
        threads,
        session: await openSession(graphPath, 'auto', { device: 'cpu', threads, spinUs: 0 }),
      })),
    )
    const { tileSize } = info.vision
    const series = sessions.flatMap(({ threads, session }) =>
      (Object.keys(BATCHES) as Kind[]).map((kind): Series => {
        const groups = kind === 'frames' ? pooling?.frame : pooling?.picture
        const rows = groups?.rows ?? info.vision.featuresPerTile
        const tiles = BATCHES[kind]
        const pixels = Float32Array.from({ length: tiles * 3 * tileSize ** 2 }, (_, i) => Math.sin(i))
        const features = new ArrayBuffer(tiles * rows * info.text.hiddenSize * Float32Array.BYTES_PER_ELEMENT)
        const feeds = {
          pixels: boundTensor('float32', [tiles, 3, tileSize, tileSize], pixels.buffer, 0, true),
          ...(groups && groupTensors(groups)),
        }
        const fetches = { features: boundTensor('float32', [tiles, rows, info.text.hiddenSize], features, 0, true) }
        const run = async (): Promise<number> => {
          const begun = performance.now()
          await session.run(feeds, fetches)
          return performance.now() - begun
        }
        return { kind, threads, run, perSecond: [], shares: [] }
      }),
    )
    const close = async (): Promise<void> => {
      for (const { session } of sessions) await session.close()
    }
    const peak = precisions.includes('float32') ? 'float32' : 'int8'
    towers.push({ label: precisions.join('/'), peak, operations: countOperations(config), series, close })
  }
  return towers
}

/** Multiplications and additions in the matrix products of one tile. */
function countOperations({ vision, projector, text }: ModelConfig): number {
  const { hiddenSize: width, intermediateSize, patchSize } = vision
  const rows = towerRows(vision)
  const patches = patchesPerSide(vision) ** 2
  const embedding = patches * 3 * patchSize ** 2 * width
  const layer = rows * width * (4 * width + 2 * intermediateSize) + 2 * rows ** 2 * width
  const inner = projector.numLayers === 0 ? 0 : (projector.numLayers - 1) * text.hiddenSize ** 2
  const entry = projector.numLayers === 0 ? 0 : width * vision.selectedLayers.length * text.hiddenSize
  return 2 * (embedding + towerDepth(vision) * layer + patches * (entry + inner))
}
