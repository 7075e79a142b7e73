/** Who may import whom. Anything absent is forbidden; type-only imports count. Read by test/arch/layers.test.ts. */
export const LINE_BUDGET = 300

export const SOURCE_FOLDERS = ['frontend', 'runtime', 'kernels']

/** The most specific prefix of a file's path decides. Within its own rule's folder a file may import freely. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  'frontend/ir/': [],
  'frontend/dsl/': ['frontend/ir/'],
  // Reads unfinished values of a stream: a pure function of text.
  'frontend/client/run.ts': ['frontend/', 'runtime/protocol/', 'runtime/grammar/partial-value.ts'],
  'frontend/client/': ['frontend/ir/', 'frontend/dsl/types.ts', 'runtime/protocol/'],
  'frontend/client/session.ts': ['frontend/', 'runtime/protocol/'],
  'frontend/program.ts': ['frontend/', 'runtime/protocol/'],
  'frontend/index.ts': ['frontend/', 'runtime/protocol/', 'runtime/grammar/partial-value.ts'],
  'runtime/protocol/': [],
  'runtime/tokenizer/': ['runtime/protocol/'],
  'runtime/chat/': ['runtime/protocol/'],
  'runtime/vision/': ['runtime/protocol/'],
  'runtime/grammar/': ['runtime/protocol/'],
  'runtime/cache/': ['runtime/protocol/'],
  'runtime/models/': ['runtime/protocol/'],
  'runtime/sampling/': ['runtime/protocol/'],
  'runtime/scheduler/': ['runtime/protocol/', 'runtime/cache/', 'runtime/grammar/'],
  'runtime/runner/': ['runtime/protocol/', 'runtime/scheduler/batch.ts', 'kernels/protocol.ts', 'kernels/layout.ts'],
  'runtime/config.ts': ['runtime/protocol/'],
  'runtime/engine': [
    'runtime/engine',
    'runtime/config.ts',
    'runtime/protocol/',
    'runtime/models/',
    'runtime/tokenizer/',
    'runtime/chat/',
    'runtime/vision/',
    'runtime/grammar/',
    'runtime/cache/',
    'runtime/sampling/',
    'runtime/scheduler/',
    'runtime/runner/',
  ],
  'runtime/server/': ['runtime/engine', 'runtime/protocol/', 'runtime/config.ts'],
  'runtime/index.ts': ['runtime/engine', 'runtime/protocol/', 'runtime/config.ts', 'runtime/server/'],
  'kernels/': ['kernels/'],
}

/** Packages with one home. A package that is not listed may be imported anywhere. */
const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  msgpackr: ['runtime/protocol/wire.ts'],
  'lru-cache': ['runtime/vision/', 'runtime/grammar/'],
  piscina: ['runtime/runner/'],
  fastify: ['runtime/server/'],
  'prom-client': ['runtime/server/'],
  'onnxruntime-node': ['kernels/ort/'],
  koffi: ['kernels/ort/'],
  protobufjs: ['kernels/graphs/'],
  sharp: ['runtime/vision/'],
  '@napi-rs/webcodecs': ['runtime/vision/'],
  '@huggingface/hub': ['runtime/models/'],
  '@huggingface/tokenizers': ['runtime/tokenizer/'],
  '@huggingface/jinja': ['runtime/chat/'],
}

function ruleKey(file: string): string | undefined {
  return Object.keys(RULES)
    .filter(prefix => file.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0]
}

export function ruleFor(file: string): readonly string[] | undefined {
  const key = ruleKey(file)
  return key === undefined ? undefined : RULES[key]
}

export function isAllowed(file: string, target: string): boolean {
  const key = ruleKey(file)
  if (key === undefined) return false
  return [key, ...RULES[key]!].some(prefix => target.startsWith(prefix))
}

export function packageOwners(specifier: string): readonly string[] | null {
  const name = Object.keys(PACKAGE_OWNERS).find(name => specifier === name || specifier.startsWith(`${name}/`))
  return name === undefined ? null : PACKAGE_OWNERS[name]!
}
