import type { ModelDescription, ModelQuestion } from '../../runtime/engine/describe.js'
import type { ModelVerification } from '../../runtime/engine/verify.js'

/** A model that nobody has, described to whoever asks. */
export async function describeScripted(_options: object, question: ModelQuestion): Promise<ModelDescription> {
  const memory = { decoderBytes: 6 * 2 ** 30, visionBytes: 2 ** 29, embeddingBytes: 2 ** 29 }
  return {
    name: 'scripted',
    path: '/models/scripted',
    summary: {
      family: 'llava_next',
      layout: 'hugging-face',
      textArchitecture: 'llama',
      visionArchitecture: 'clip',
      parameters: { text: 6.7e9, vision: 3.04e8, projector: 2.1e7 },
      contextLength: 4096,
      tokensPerTile: 576,
      tokensPerFrame: 144,
      kvBytesPerToken: 2 ** 19,
      memory: {
        float32: memory,
        int8: memory,
        int8x8: memory,
        int4: { ...memory, decoderBytes: 2 ** 20, visionBytes: 0, embeddingBytes: 0 },
      },
    },
    pictures: question.pictures.map(size => ({ size, tiles: 5, tokens: 2880 })),
    clips: question.clips.map(frames => ({ frames, tokens: frames * 144 })),
  }
}

/** Its numbers are what they should be. */
export async function verifyScripted(): Promise<ModelVerification> {
  const agreement = { largest: 2e-6, relative: 4e-7, agreeing: 9, rows: 9 }
  return { binding: 'c-api', features: agreement, logits: agreement, pieces: agreement, golden: null }
}
