import type { Activation } from '../checkpoint/families.js'
import { float, type GraphBuilder, MICROSOFT } from './graph-builder.js'

/** quick_gelu: x * sigmoid(1.702 x). gelu: the exact form, by erf. gelu_tanh: its usual approximation. */
export function addActivation(builder: GraphBuilder, activation: Activation, input: string): string {
  switch (activation) {
    case 'quick_gelu':
      return builder.node('QuickGelu', [input], { domain: MICROSOFT, attributes: { alpha: float(1.702) } })
    case 'gelu':
      return builder.node('Gelu', [input], { attributes: { approximate: 'none' } })
    case 'gelu_tanh':
      return builder.node('Gelu', [input], { attributes: { approximate: 'tanh' } })
  }
}
