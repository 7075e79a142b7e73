import { inspectModel } from './checkpoint/index.js'
import type { DecoderRunner } from './decoder-runner.js'
import { describeFailure } from './failure.js'
import { describeModel } from './graphs/index.js'
import { loadDecoder } from './load-decoder.js'
import { isLibraryReachable, openSystemMemory } from './ort/index.js'
import type { KernelOp, KernelReply, KernelRequest, ReplyOf } from './protocol.js'
import { verifyModel } from './verify/verify-model.js'
import { loadVision, type VisionRunner } from './vision-runner.js'

/** Of this worker thread: what is loaded stays between requests. */
let decoder: DecoderRunner | null = null
let vision: VisionRunner | null = null

const POOLS: Readonly<Record<KernelOp, string>> = {
  system: 'kernel',
  inspect: 'model',
  describe: 'model',
  verify: 'model',
  'load-decoder': 'decoder',
  step: 'decoder',
  'load-vision': 'vision',
  encode: 'vision',
  release: 'kernel',
}

/** Entry of a piscina worker. Never throws, and leaves nothing pending: the idle thread blocks until the next request. */
export default async function handle(request: KernelRequest): Promise<KernelReply> {
  try {
    return { ok: true, value: await serve(request) }
  } catch (error) {
    return { ok: false, error: describeFailure(error, POOLS[request.op] ?? 'kernel') }
  }
}

async function serve(request: KernelRequest): Promise<ReplyOf<KernelOp>> {
  switch (request.op) {
    case 'system':
      // onnxruntime-node's own API writes whole outputs, and so all the memory of every slot.
      return { takesMemoryBack: (await isLibraryReachable()) && (await openSystemMemory()) !== null }
    case 'inspect':
      return inspectModel(request.path)
    case 'describe':
      return describeModel(request.path)
    case 'verify':
      return verifyModel(request.path, request.session)
    case 'load-decoder': {
      await releaseDecoder()
      const { runner, report } = await loadDecoder(request)
      decoder = runner
      return report
    }
    case 'step': {
      const runner = loaded(decoder, 'load-decoder')
      const begun = performance.now()
      await runner.step()
      return { forwardMs: performance.now() - begun }
    }
    case 'load-vision': {
      await releaseVision()
      const { runner, report } = await loadVision(request)
      vision = runner
      return report
    }
    case 'encode': {
      const runner = loaded(vision, 'load-vision')
      const begun = performance.now()
      const tiles = await runner.encode(request.items)
      return { encodeMs: performance.now() - begun, tiles }
    }
    case 'release':
      await releaseDecoder()
      await releaseVision()
      return null
    default:
      return unknownRequest(request)
  }
}

function loaded<Runner>(runner: Runner | null, op: KernelOp): Runner {
  if (runner === null) throw new Error(`nothing is loaded; "${op}" comes first`)
  return runner
}

async function releaseDecoder(): Promise<void> {
  const runner = decoder
  decoder = null
  if (runner !== null) await settle(runner)
}

async function releaseVision(): Promise<void> {
  const runner = vision
  vision = null
  if (runner !== null) await settle(runner)
}

/** Books that do not balance are reported to whoever asked for the release, and the memory is freed all the same. */
async function settle(runner: DecoderRunner | VisionRunner): Promise<void> {
  try {
    runner.checkIntegrity()
  } finally {
    await runner.close()
  }
}

function unknownRequest(request: never): never {
  throw new Error(`unknown request "${(request as KernelRequest).op}"`)
}
