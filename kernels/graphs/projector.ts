import type { ProjectorConfig } from '../checkpoint/model-config.js'
import { addActivation } from './activation.js'
import { addLinear, type WeightSource } from './linear.js'

/** The connector: linear layers with an activation between them; none at all passes the features through. */
export async function addProjector(source: WeightSource, projector: ProjectorConfig, input: string): Promise<string> {
  let value = input
  for (let layer = 0; layer < projector.numLayers; layer++) {
    if (layer > 0) value = addActivation(source.builder, projector.activation, value)
    value = await addLinear(source, value, [`projector.${layer}`], projector.bias)
  }
  return value
}
