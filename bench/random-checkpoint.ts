import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readModelConfig } from '../kernels/checkpoint/config.js'
import { expectedTensors } from '../kernels/checkpoint/expected-tensors.js'

/** CLIP ViT-B/16 at 224 pixels as LLaVA uses it, before a language model of one small layer: 86 million parameters. */
const CONFIG = {
  model_type: 'llava',
  image_token_index: 4,
  projector_hidden_act: 'gelu',
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
  eos_token_id: 2,
  text_config: {
    model_type: 'llama',
    vocab_size: 64,
    hidden_size: 768,
    intermediate_size: 768,
    num_hidden_layers: 1,
    num_attention_heads: 12,
    num_key_value_heads: 12,
    max_position_embeddings: 2048,
  },
  vision_config: {
    model_type: 'clip_vision_model',
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    image_size: 224,
    patch_size: 16,
    hidden_act: 'quick_gelu',
  },
}

const BYTES = 2

/** Writes a checkpoint with random weights, bfloat16, into a folder that exists: speed does not depend on what they say. */
export async function writeRandomCheckpoint(folder: string): Promise<void> {
  await writeFile(join(folder, 'config.json'), JSON.stringify(CONFIG))
  const header: Record<string, unknown> = {}
  const sizes: number[] = []
  let end = 0
  for (const [name, shape] of expectedTensors(readModelConfig(folder, CONFIG, null, null))) {
    const known = shape.map(size => size ?? CONFIG.text_config.vocab_size)
    const bytes = known.reduce((product, size) => product * size, BYTES)
    header[storedName(name)] = { dtype: 'BF16', shape: known, data_offsets: [end, end + bytes] }
    sizes.push(bytes)
    end += bytes
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const file = await open(join(folder, 'model.safetensors'), 'w')
  const random = randomBits(1)
  try {
    await file.write(length)
    await file.write(text)
    for (const bytes of sizes) {
      // Sign, an exponent that gives magnitudes from 1/64 to 1/32, and seven random bits.
      const values = new Uint16Array(bytes / BYTES)
      for (let i = 0; i < values.length; i++) values[i] = (random() & 0x807f) | (121 << 7)
      await file.write(new Uint8Array(values.buffer))
    }
  } finally {
    await file.close()
  }
}

/** The name that Hugging Face checkpoints give a tensor; see kernels/checkpoint/weight-names.ts. */
function storedName(name: string): string {
  return name
    .replace(/^vision\./, 'vision_tower.vision_model.')
    .replace(/^projector\.(\d)/, (_, layer) => `multi_modal_projector.linear_${Number(layer) + 1}`)
    .replace(/^text\./, 'language_model.model.')
    .replace(/^head\./, 'language_model.lm_head.')
}

/** xorshift32: the same checkpoint at every run. */
function randomBits(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  }
}
