import type { JsonFormat, JsonSchema, SelectMethod } from '../../frontend/ir/node.js'
import type { SamplingOptions } from '../../frontend/ir/options.js'
import type {
  SelectMethod as BackendMethod,
  JsonSchema as BackendSchema,
  JsonOptions,
  ReasoningGate,
  SamplingParams,
} from '../../runtime/protocol/backend.js'
import { same } from './equal.js'

// The program's own copies of the engine's types must not drift from them.
same<SamplingOptions, { [Name in keyof SamplingParams]: SamplingParams[Name] }>()
same<SelectMethod, BackendMethod>()
same<JsonSchema, BackendSchema>()
same<
  Omit<JsonFormat, 'closeOnLength'>,
  { [Name in keyof (JsonOptions & ReasoningGate)]: (JsonOptions & ReasoningGate)[Name] }
>()
