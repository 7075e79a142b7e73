import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createEngine, type EngineOptions } from '../../runtime/engine.js'
import type { ErrorCode } from '../../runtime/protocol/error.js'
import { EngineError } from '../../runtime/protocol/error.js'
import { checkpointPath } from '../support/golden-checkpoint.js'
import { decodeSafetensors, encodeSafetensors, type WrittenTensor } from '../support/safetensors.js'

type Tensors = Record<string, WrittenTensor>
type Json = Record<string, unknown>

/** What may be done to a copy of a checkpoint. */
class Damage {
  readonly folder: string

  constructor(t: Test, checkpoint: string) {
    const parent = t.testdir()
    this.folder = join(parent, checkpoint)
    for (const name of [checkpoint, 'clip-tiny-patch7-28']) {
      cpSync(checkpointPath(name), join(parent, name), { recursive: true })
    }
  }

  path(file: string): string {
    return join(this.folder, file)
  }

  weights(edit: (tensors: Tensors) => void, file = 'model.safetensors'): void {
    const tensors = decodeSafetensors(readFileSync(this.path(file)))
    edit(tensors)
    writeFileSync(this.path(file), encodeSafetensors(tensors))
  }

  json(file: string, edit: (value: Json) => void): void {
    const value = JSON.parse(readFileSync(this.path(file), 'utf8'))
    edit(value)
    writeFileSync(this.path(file), JSON.stringify(value))
  }
}

/** Sets 16-bit value `at` to a NaN of both half and bfloat16. */
function setNaN(tensors: Tensors, name: string, at: number): void {
  const bytes = Uint8Array.from(tensors[name]!.bytes)
  new DataView(bytes.buffer).setUint16(2 * at, 0x7fff, true)
  tensors[name] = { ...tensors[name]!, bytes }
}

function turn(tensors: Tensors, name: string): void {
  const { shape, ...rest } = tensors[name]!
  tensors[name] = { ...rest, shape: [...shape].reverse() }
}

const cases: readonly {
  readonly what: string
  readonly checkpoint: string
  readonly damage: (damage: Damage) => void
  readonly options?: EngineOptions
  readonly code: ErrorCode
  readonly says: RegExp
}[] = [
  {
    what: 'a NaN among the weights of the decoder',
    checkpoint: 'llava-clip-llama',
    damage: damage => damage.weights(all => setNaN(all, 'language_model.model.layers.1.mlp.up_proj.weight', 70)),
    code: 'MODEL_CORRUPT',
    says: /language_model\.model\.layers\.1\.mlp\.up_proj\.weight holds NaN at element 70/,
  },
  {
    what: 'a NaN among weights that are to be rounded to 8 bits',
    checkpoint: 'llava-clip-llama',
    damage: damage => damage.weights(all => setNaN(all, 'language_model.model.layers.0.self_attn.q_proj.weight', 5)),
    options: { precision: 'int8' },
    code: 'MODEL_CORRUPT',
    says: /q_proj\.weight holds NaN at element 5/,
  },
  {
    what: 'a NaN in the vision tower',
    checkpoint: 'llava-siglip-qwen2',
    damage: damage =>
      damage.weights(all => setNaN(all, 'vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight', 9)),
    code: 'MODEL_CORRUPT',
    says: /encoder\.layers\.0\.mlp\.fc1\.weight holds NaN at element 9/,
  },
  {
    what: 'a matrix turned over',
    checkpoint: 'next-clip-mistral',
    damage: damage => damage.weights(all => turn(all, 'model.language_model.layers.0.mlp.down_proj.weight')),
    code: 'MODEL_CORRUPT',
    says: /down_proj\.weight.*\[64, ?32\].*\[32, ?64\]/,
  },
  {
    what: 'no vector to end rows with',
    checkpoint: 'video-clip-llama',
    damage: damage => damage.weights(all => delete all.image_newline),
    code: 'MODEL_CORRUPT',
    says: /the tensor image_newline \(or model\.image_newline\) is missing in model\.safetensors\./,
  },
  {
    what: 'a tensor gone from one of two files',
    checkpoint: 'llava-clip-llama3',
    damage: damage => {
      const name = 'language_model.model.norm.weight'
      damage.json('model.safetensors.index.json', index => {
        const map = index.weight_map as Record<string, string>
        damage.weights(all => delete all[name], map[name])
        delete map[name]
      })
    },
    code: 'MODEL_CORRUPT',
    says: /model\.norm\.weight .*is missing in model-00001-of-00002\.safetensors, model-00002-of-00002\.safetensors\.$/,
  },
  {
    what: 'no connector',
    checkpoint: 'original-clip-llama',
    damage: damage => damage.weights(all => delete all['model.mm_projector.2.bias']),
    code: 'MODEL_CORRUPT',
    says: /the tensor model\.mm_projector\.2\.bias is missing in model\.safetensors\./,
  },
  {
    what: 'a known tower without weights anywhere',
    checkpoint: 'original-linear-llama',
    damage: damage =>
      damage.json('config.json', config =>
        Object.assign(config, { mm_vision_tower: 'openai/clip-vit-large-patch14-336' }),
      ),
    code: 'MODEL_CORRUPT',
    says: /no weights of its vision tower, openai\/clip-vit-large-patch14-336: put a folder clip-vit-large-patch14-336/,
  },
  {
    what: 'one of two weight files gone',
    checkpoint: 'llava-clip-llama3',
    damage: damage => rmSync(damage.path('model-00002-of-00002.safetensors')),
    code: 'MODEL_CORRUPT',
    says: /model-00002-of-00002\.safetensors is listed and is not there/,
  },
  {
    what: 'a tower of its own that is gone',
    checkpoint: 'original-linear-llama',
    damage: damage => rmSync(damage.path('../clip-tiny-patch7-28'), { recursive: true }),
    code: 'MODEL_UNSUPPORTED',
    says: /its tower "clip-tiny-patch7-28".* put its folder beside the model's/,
  },
  {
    what: 'a NaN in a tower of its own',
    checkpoint: 'original-linear-llama',
    damage: damage =>
      damage.weights(all => {
        const name = 'vision_model.encoder.layers.1.self_attn.q_proj.weight'
        const bytes = Uint8Array.from(all[name]!.bytes)
        new DataView(bytes.buffer).setFloat32(4 * 2, Number.NaN, true)
        all[name] = { ...all[name]!, bytes }
      }, '../clip-tiny-patch7-28/model.safetensors'),
    code: 'MODEL_CORRUPT',
    says: /q_proj\.weight holds NaN at element 2/,
  },
  {
    what: 'a relative of the family',
    checkpoint: 'next-clip-qwen2',
    damage: damage => damage.json('config.json', config => Object.assign(config, { model_type: 'llava_onevision' })),
    code: 'MODEL_UNSUPPORTED',
    says: /llava_onevision/,
  },
  {
    what: 'canvases that are no whole tiles',
    checkpoint: 'next-clip-mistral',
    damage: damage => damage.json('config.json', config => Object.assign(config, { image_grid_pinpoints: [[28, 50]] })),
    code: 'MODEL_UNSUPPORTED',
    says: /image_grid_pinpoints has \[28,50\]; both sides must be multiples of 28/,
  },
  {
    what: 'pictures prepared for another tower',
    checkpoint: 'llava-clip-llama',
    damage: damage =>
      damage.json('preprocessor_config.json', value => Object.assign(value, { crop_size: { height: 35, width: 35 } })),
    code: 'MODEL_UNSUPPORTED',
    says: /crop_size.*the vision tower takes 28 pixels/,
  },
]

for (const { what, checkpoint, damage, options, code, says } of cases) {
  t.test(`${checkpoint} with ${what}: ${code} in one sentence`, async t => {
    const copy = new Damage(t, checkpoint)
    damage(copy)
    const cachePath = join(copy.folder, 'cache')
    const error = await createEngine({ model: copy.folder, cachePath, threads: 1, ...options }).then(
      () => null,
      (error: unknown) => error,
    )
    t.ok(error instanceof EngineError)
    t.match(error, { code, message: says })
    const { message } = error as EngineError
    t.notMatch(message, /\n|undefined|NaN came|\[object/, message)
    t.match(message, /\.$/, 'a whole sentence')
  })
}
