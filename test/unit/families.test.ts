import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readModelConfig } from '../../kernels/checkpoint/config.js'
import { expectedTensors } from '../../kernels/checkpoint/expected-tensors.js'
import { inspectModel, openCheckpoint } from '../../kernels/checkpoint/index.js'
import { featureRows, type ModelConfig, towerDepth } from '../../kernels/checkpoint/model-config.js'
import { internalName, NAME_RULES, storedNames, TOWER_RULES } from '../../kernels/checkpoint/weight-names.js'
import { checkpointPath } from '../support/golden-checkpoint.js'

type Json = Readonly<Record<string, unknown>>

const ORIGINAL = { mm_vision_tower: 'openai/clip-vit-large-patch14-336', num_hidden_layers: 1 }

function read(config: Json, generation: Json | null = null, tower: Json | null = null): ModelConfig {
  return readModelConfig('/model', config, generation, tower)
}

t.test('a name that was looked for is one that would have been found', async t => {
  for (const name of [
    'llava-clip-llama3',
    'next-clip-qwen2',
    'llava-siglip-qwen2',
    'original-clip-llama',
    'original-linear-llama',
  ]) {
    const { names, config } = await openCheckpoint(checkpointPath(name))
    const wrong = names.filter(internal => {
      const stored = storedNames(internal, config.layout)
      const found = stored.map(each => internalName(each, each.startsWith('vision_model.') ? TOWER_RULES : NAME_RULES))
      return stored.length === 0 || found.some(each => each !== internal)
    })
    t.same(wrong, [], name)
  }
})

t.test('every layout spells the same tensors', t => {
  const spellings: Readonly<Record<string, readonly string[]>> = {
    'text.embed_tokens.weight': [
      'language_model.model.embed_tokens.weight',
      'model.language_model.embed_tokens.weight',
      'model.embed_tokens.weight',
    ],
    'text.layers.11.mlp.up_proj.weight': [
      'language_model.model.layers.11.mlp.up_proj.weight',
      'model.language_model.layers.11.mlp.up_proj.weight',
      'model.layers.11.mlp.up_proj.weight',
    ],
    'text.norm.weight': ['language_model.model.norm.weight', 'model.language_model.norm.weight', 'model.norm.weight'],
    'head.weight': ['language_model.lm_head.weight', 'lm_head.weight'],
    newline: ['image_newline', 'model.image_newline'],
    'projector.0.weight': [
      'multi_modal_projector.linear_1.weight',
      'model.multi_modal_projector.linear_1.weight',
      'model.mm_projector.0.weight',
      'model.mm_projector.weight',
    ],
    'projector.1.bias': [
      'multi_modal_projector.linear_2.bias',
      'model.multi_modal_projector.linear_2.bias',
      'model.mm_projector.2.bias',
    ],
    'projector.5.bias': ['model.mm_projector.10.bias'],
    'vision.encoder.layers.3.mlp.fc1.bias': [
      'vision_tower.vision_model.encoder.layers.3.mlp.fc1.bias',
      'vision_tower.encoder.layers.3.mlp.fc1.bias',
      'model.vision_tower.vision_model.encoder.layers.3.mlp.fc1.bias',
      'model.vision_tower.encoder.layers.3.mlp.fc1.bias',
      'model.vision_tower.vision_tower.vision_model.encoder.layers.3.mlp.fc1.bias',
    ],
  }
  for (const [internal, stored] of Object.entries(spellings)) {
    for (const name of stored) t.equal(internalName(name, NAME_RULES), internal, name)
  }
  for (const name of [
    'model.vision_resampler.mm_projector.0.weight',
    'vision_tower.vision_model.embeddings.position_ids',
    'language_model.model.layers.0.self_attn.rotary_emb.inv_freq',
    'model.mm_projector.1.weight',
    'optimizer.state',
  ]) {
    t.equal(internalName(name, NAME_RULES), null, `${name} is left out`)
  }
  t.equal(
    internalName('vision_model.embeddings.class_embedding', TOWER_RULES),
    'vision.embeddings.class_embedding',
    'a tower of its own',
  )
  t.equal(internalName('text_model.embeddings.token_embedding.weight', TOWER_RULES), null)
  t.end()
})

t.test('fields that a hub file leaves out have the value of its class', t => {
  // The text_config of llava-1.5-7b, as it is published.
  const text_config = { model_type: 'llama', max_position_embeddings: 4096, rms_norm_eps: 1e-5, vocab_size: 32064 }
  const { text, vision, projector, imageTokenId, hasNewline } = read({ model_type: 'llava', text_config })
  t.match(text, {
    hiddenSize: 4096,
    intermediateSize: 11008,
    numLayers: 32,
    numHeads: 32,
    numKvHeads: 32,
    headDim: 128,
    vocabRows: 32064,
    contextLength: 4096,
    tiedHead: false,
    rope: { type: 'default', theta: 10000 },
  })
  t.same(text.eosIds, [2])
  t.match(vision, { hiddenSize: 1024, imageSize: 336, patchSize: 14, numHeads: 16, activation: 'quick_gelu' })
  t.equal(towerDepth(vision), 23, 'block 24 is neither loaded nor run')
  t.equal(featureRows(vision), 576)
  t.same(projector, { numLayers: 2, bias: true, activation: 'gelu' })
  t.equal(imageTokenId, 32000)
  t.equal(hasNewline, false)
  t.end()
})

t.test('released checkpoints are described as they are', t => {
  const mistral = { model_type: 'mistral', rope_theta: 1e6, sliding_window: null, max_position_embeddings: 32768 }
  const next = read({ model_type: 'llava_next', text_config: mistral })
  t.match(next, { hasNewline: true, video: null, text: { numKvHeads: 8, contextLength: 32768 } })
  t.ok(next.text.windows.every(window => window === null))
  t.ok(
    read({ model_type: 'llava_next', text_config: { model_type: 'mistral' } }).text.windows.every(
      each => each === 4096,
    ),
    'an absent window is the class value, null is none',
  )
  // LLaVA-NeXT-34B: Yi is of the llama kind.
  const yi = {
    hidden_size: 7168,
    num_attention_heads: 56,
    num_key_value_heads: 8,
    num_hidden_layers: 60,
    rope_theta: 5e6,
  }
  const large = read(
    { model_type: 'llava_next', image_token_index: 64000, text_config: { model_type: 'llama', ...yi } },
    { eos_token_id: 7 },
  )
  t.match(large, { imageTokenId: 64000, text: { headDim: 128, rope: { theta: 5e6 } } })
  t.same(large.text.eosIds, [7])
  const llama3 = read(
    { model_type: 'llava_next', text_config: { model_type: 'llama' } },
    { eos_token_id: [128001, 128009] },
  )
  t.same(llama3.text.eosIds, [128001, 128009])
  const video = read({
    model_type: 'llava_next_video',
    text_config: { model_type: 'llama', max_position_embeddings: 4096, rope_scaling: { type: 'linear', factor: 2.5 } },
  })
  t.same(video.video, { tokenId: 32000, poolMode: 'average', poolStride: 2, poolPlace: 'before' })
  t.match(video, { imageTokenId: 32001, text: { contextLength: 10240, rope: { type: 'linear', factor: 2.5 } } })
  t.end()
})

t.test('qwen2 windows begin where its configuration says', t => {
  const text_config = { model_type: 'qwen2', num_hidden_layers: 4, max_window_layers: 3, sliding_window: 100 }
  const windows = (more: Json): readonly (number | null)[] =>
    read({ model_type: 'llava_next', text_config: { ...text_config, ...more } }).text.windows
  t.same(windows({}), [null, null, null, null])
  t.same(windows({ use_sliding_window: true }), [null, null, null, 100])
  const layer_types = ['sliding_attention', 'full_attention', 'full_attention', 'sliding_attention']
  t.same(windows({ layer_types }), [100, null, null, 100])
  t.throws(() => windows({ layer_types: ['full_attention'] }), { code: 'MODEL_CORRUPT', message: /a list of 4/ })
  t.end()
})

t.test('what no graph covers is refused with what is known', t => {
  const refusals: readonly (readonly [config: Json, what: RegExp])[] = [
    [{ model_type: 'gpt2' }, /model_type is "gpt2"; llava, llava_next, llava_next_video are known/],
    [{ model_type: 'constructor' }, /model_type is "constructor"/],
    [{ model_type: 'llava', text_config: { model_type: 'gemma' } }, /gemma; llama, mistral, qwen2 are known/],
    [{ model_type: 'llava', vision_config: { model_type: 'dinov2' } }, /dinov2; clip_vision_model, siglip/],
    [{ model_type: 'llava', text_config: { hidden_act: 'relu' } }, /hidden_act is relu; silu/],
    [{ model_type: 'llava', projector_hidden_act: 'relu' }, /projector_hidden_act is relu/],
    [{ model_type: 'llava', text_config: { rope_scaling: { type: 'yarn', factor: 2 } } }, /RoPE scaling is yarn/],
    [{ model_type: 'llava', text_config: { partial_rotary_factor: 0.5 } }, /rotates only part/],
    [{ model_type: 'llava', vision_feature_layer: 30 }, /layer 30 of a tower with 24 blocks/],
    [{ model_type: 'llava_next_video', spatial_pool_mode: 'conv' }, /spatial_pool_mode is conv; average and max/],
    [{ model_type: 'llava_next_video', vision_feature_select_strategy: 'full' }, /not a square of patches/],
    [{ model_type: 'llava_mpt', mm_vision_tower: 'x' }, /"llava_mpt" in the original layout/],
    [{ model_type: 'llava_llama', mm_vision_tower: 'a/unheard-of' }, /tower "unheard-of" is not described/],
    [{ model_type: 'llava_llama', ...ORIGINAL, mm_projector_type: 'resnet' }, /mm_projector_type is resnet/],
    [{ model_type: 'llava_llama', ...ORIGINAL, mm_resampler_type: 'qformer' }, /resamples by qformer/],
    [
      { model_type: 'llava_qwen', ...ORIGINAL, mm_spatial_pool_mode: 'conv' },
      /conv; spatial_pool by average, max, bilinear/,
    ],
    [
      { model_type: 'llava_qwen', ...ORIGINAL, mm_spatial_pool_mode: 'max', mm_spatial_pool_stride: 50 },
      /pools 24 x 24 patches of a frame by 50, which leaves nothing/,
    ],
  ]
  for (const [config, message] of refusals) {
    t.throws(() => read(config), { code: 'MODEL_UNSUPPORTED', data: { path: '/model' }, message }, String(message))
  }
  t.end()
})

t.test('fields of the wrong kind are damage, named with what came and what is needed', t => {
  const damages: readonly (readonly [config: Json, what: RegExp])[] = [
    [{ model_type: 3 }, /config\.json\.model_type is 3; a string is needed/],
    [{ model_type: 'llava', text_config: [] }, /text_config is \[\]; an object/],
    [{ model_type: 'llava', text_config: { hidden_size: '64' } }, /text_config\.hidden_size is "64"; a whole number/],
    [{ model_type: 'llava', text_config: { num_attention_heads: 0 } }, /num_attention_heads is 0; .* at least 1/],
    [{ model_type: 'llava', text_config: { num_key_value_heads: 5 } }, /num_key_value_heads is 5; a divisor of 32/],
    [{ model_type: 'llava', text_config: { rms_norm_eps: -1 } }, /rms_norm_eps is -1; a number over zero/],
    [
      { model_type: 'llava', text_config: { rope_scaling: { type: 'linear' } } },
      /rope_scaling\.factor is absent; a number/,
    ],
    [{ model_type: 'llava', vision_feature_select_strategy: 'most' }, /"most"; "default" or "full"/],
    [{ model_type: 'llava', vision_config: { num_attention_heads: 7 } }, /a divisor of 768/],
    [{ model_type: 'llava', tie_word_embeddings: 1 }, /tie_word_embeddings is 1; true or false/],
    [{ model_type: 'llava', rope_scaling: { type: 'linear', factor: 2 } }, /its place is text_config/],
  ]
  for (const [config, message] of damages) {
    t.throws(() => read(config), { code: 'MODEL_CORRUPT', message }, String(message))
  }
  t.end()
})

t.test('the original layout says the same in other words', t => {
  const first = read({ model_type: 'llava', mm_vision_tower: 'openai/clip-vit-large-patch14', num_hidden_layers: 1 })
  t.match(first, { family: 'llava', layout: 'original', hasNewline: false, projector: { numLayers: 1 } })
  t.equal(featureRows(first.vision), 256)
  const next = read({
    ...ORIGINAL,
    model_type: 'llava_mistral',
    image_aspect_ratio: 'anyres',
    mm_patch_merge_type: 'spatial_unpad',
    mm_projector_type: 'mlp2x_gelu',
  })
  t.match(next, { family: 'llava_next', hasNewline: true, projector: { numLayers: 2 }, imageTokenId: null })
  t.equal(next.text.architecture, 'mistral')
  const kept = read({ ...ORIGINAL, model_type: 'llava_llama', mm_vision_select_feature: 'cls_patch' })
  t.equal(featureRows(kept.vision), 577)
  const siglip = read({ ...ORIGINAL, model_type: 'llava_qwen', mm_vision_tower: 'google/siglip-so400m-patch14-384' })
  t.equal(featureRows(siglip.vision), 729, 'no class row to drop')
  const video = read({ ...ORIGINAL, model_type: 'llava_llama', mm_resampler_type: 'spatial_pool' })
  t.same(video.video, { tokenId: null, poolMode: 'average', poolStride: 2, poolPlace: 'before' })
  const later = { ...ORIGINAL, model_type: 'llava_qwen', mm_spatial_pool_mode: 'bilinear', mm_spatial_pool_stride: 3 }
  t.match(read(later), {
    family: 'llava_next_video',
    video: { poolMode: 'bilinear', poolStride: 3, poolPlace: 'after' },
  })
  t.match(read({ ...later, mm_pooling_position: 'before' }).video, { poolPlace: 'before' })
  const described = read({ ...ORIGINAL, model_type: 'llava_llama' }, null, {
    model_type: 'clip',
    vision_config: { image_size: 28, patch_size: 7, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2 },
  })
  t.equal(featureRows(described.vision), 16)
  t.notOk(
    [...expectedTensors(described).keys()].some(name => name.includes('vision.encoder.layers.1')),
    'the last block is not asked for',
  )
  t.end()
})

t.test('fixtures are described by their own configuration', async t => {
  const original = await inspectModel(checkpointPath('original-clip-llama'))
  t.match(original, { family: 'llava_next', imageTokenId: 264 }, 'an unnamed placeholder lies past the vocabulary')
  const video = await inspectModel(checkpointPath('video-clip-mistral-max'))
  t.match(video, { video: { tokenId: 261, featuresPerFrame: 4 }, vision: { featuresPerTile: 25 } })
  const sharded = await inspectModel(checkpointPath('llava-clip-llama3'))
  t.match(sharded, { text: { eosIds: [128, 2], contextLength: 1024 }, vision: { featuresPerTile: 17 } })
  const config = JSON.parse(readFileSync(join(checkpointPath('llava-clip-llama3'), 'config.json'), 'utf8'))
  t.same(sharded.files.config, config)
  t.equal(sharded.files.processor, null)
})
