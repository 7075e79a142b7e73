import type { Checkpoint, TextConfig } from '../checkpoint/index.js'
import { float, type GraphBuilder, MICROSOFT } from './graph-builder.js'
import { addLinear, addProduct, addVector, type WeightSource } from './linear.js'
import type { Storage } from './quantize.js'
import { ropeTables } from './rope.js'

export interface DecoderPlan {
  readonly text: Storage
  readonly head: Storage
  /** Rows of the rotary tables: the longest sequence the graph can run. */
  readonly positions: number
}

/**
 * The decoder of the LLaMA kind (LLaMA, Mistral, Qwen2, Yi), for prefill and decode alike.
 *
 *   embeds [B, T, H] float32, seqlens [B] int32 (total length - 1), total_length [] int32 (the largest),
 *   logit_rows [N] int64 (into the flattened [B * T]), past_key_i and past_value_i [B, kvHeads, capacity, headDim]
 *   -> logits [N, vocabRows], present_key_i and present_value_i of the shape of their past
 *
 * Keys and values are appended in place when past and present are one memory.
 */
export async function buildDecoder(builder: GraphBuilder, checkpoint: Checkpoint, plan: DecoderPlan): Promise<void> {
  const { text } = checkpoint.config
  const source: WeightSource = { builder, checkpoint, storage: plan.text }
  const { numLayers, hiddenSize } = text
  let stream = builder.input('embeds', 'float32', ['batch', 'length', hiddenSize])
  builder.input('seqlens', 'int32', ['batch'])
  builder.input('total_length', 'int32', [])
  builder.input('logit_rows', 'int64', ['rows'])
  const { cos, sin } = ropeTables(text.rope, text.headDim, plan.positions)
  const half = text.headDim / 2
  const rotary = [
    await builder.weight('rope.cos', [plan.positions, half], cos),
    await builder.weight('rope.sin', [plan.positions, half], sin),
  ]
  let added: string | null = null
  for (let layer = 0; layer < numLayers; layer++) {
    const prefix = `text.layers.${layer}`
    let normed: string
    ;[normed, stream] = await addNorm(source, text, `${prefix}.input_layernorm`, stream, added)
    let attended = await addAttention(source, text, layer, normed, rotary)
    if (layer === numLayers - 1) {
      // Nothing after the last attention looks at other rows: only those whose logits are wanted go on.
      attended = gatherRows(builder, attended, text.numHeads * text.headDim)
      stream = gatherRows(builder, stream, hiddenSize)
    }
    const projected = await addLinear(source, attended, [`${prefix}.self_attn.o_proj`], text.outputBias)
    ;[normed, stream] = await addNorm(source, text, `${prefix}.post_attention_layernorm`, stream, projected)
    added = await addFeedForward(source, text, `${prefix}.mlp`, normed)
  }
  const [normed] = await addNorm(source, text, 'text.norm', stream, added)
  const head = text.tiedHead ? 'text.embed_tokens.weight' : 'head.weight'
  const logits = await addProduct({ ...source, storage: plan.head }, normed, [head])
  builder.nodeTo(['logits'], 'Identity', [logits])
  builder.output('logits', 'float32', ['rows', checkpoint.info.text.vocabRows])
  for (let layer = 0; layer < numLayers; layer++) {
    for (const kind of ['key', 'value']) {
      const shape = ['batch', text.numKvHeads, 'capacity', text.headDim]
      builder.input(`past_${kind}_${layer}`, 'float32', shape)
      builder.output(`present_${kind}_${layer}`, 'float32', shape)
    }
  }
}

/** RMS norm of stream + added; returns the normed value and the sum, which is the stream from here on. */
async function addNorm(
  source: WeightSource,
  text: TextConfig,
  name: string,
  stream: string,
  added: string | null,
): Promise<[normed: string, stream: string]> {
  const { builder } = source
  const weight = await addVector(source, [`${name}.weight`])
  const epsilon = float(text.normEpsilon)
  if (added === null) {
    const attributes = { axis: -1, epsilon, stash_type: 1 }
    return [builder.node('SimplifiedLayerNormalization', [stream, weight], { attributes }), stream]
  }
  const outputs: [string, string] = [`${name}.normed`, `${name}.sum`]
  // The operator's second and third outputs (mean and deviation) are for training.
  builder.nodeTo([outputs[0], '', '', outputs[1]], 'SkipSimplifiedLayerNormalization', [stream, added, weight], {
    domain: MICROSOFT,
    attributes: { epsilon },
  })
  return outputs
}

async function addAttention(
  source: WeightSource,
  text: TextConfig,
  layer: number,
  input: string,
  rotary: readonly string[],
): Promise<string> {
  const { builder } = source
  const names = ['q', 'k', 'v'].map(each => `text.layers.${layer}.self_attn.${each}_proj`)
  const packed = await addLinear(source, input, names, text.qkvBias)
  const output = `text.layers.${layer}.attended`
  const window = text.windows[layer] ?? null
  builder.nodeTo(
    [output, `present_key_${layer}`, `present_value_${layer}`],
    'GroupQueryAttention',
    [packed, '', '', `past_key_${layer}`, `past_value_${layer}`, 'seqlens', 'total_length', ...rotary],
    {
      domain: MICROSOFT,
      attributes: {
        num_heads: text.numHeads,
        kv_num_heads: text.numKvHeads,
        do_rotary: 1,
        rotary_interleaved: 0,
        ...(window === null ? {} : { local_window_size: window }),
      },
    },
  )
  return output
}

/** down(silu(gate(x)) * up(x)) */
async function addFeedForward(source: WeightSource, text: TextConfig, prefix: string, input: string): Promise<string> {
  const { builder } = source
  const gate = await addLinear(source, input, [`${prefix}.gate_proj`], text.mlpBias)
  const up = await addLinear(source, input, [`${prefix}.up_proj`], text.mlpBias)
  // QuickGelu is x * sigmoid(alpha x): with alpha 1 it is silu in one pass.
  const opened = builder.node('QuickGelu', [gate], { domain: MICROSOFT, attributes: { alpha: float(1) } })
  return addLinear(source, builder.node('Mul', [opened, up]), [`${prefix}.down_proj`], text.mlpBias)
}

/** The rows named by `logit_rows`, [N, width]. */
function gatherRows(builder: GraphBuilder, value: string, width: number): string {
  const flat = builder.node('Reshape', [value, builder.integers([-1, width])])
  return builder.node('Gather', [flat, 'logit_rows'], { attributes: { axis: 0 } })
}
