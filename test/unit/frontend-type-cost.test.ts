import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { repositoryRoot } from '../support/paths.js'

/** Measured with TypeScript 5.9.3: 60 turns with 60 captures cost 7,831 instantiations over those of an empty program. */
const MOST_INSTANTIATIONS = 10_000

const root = repositoryRoot()
const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
const host = cachingHost({ ...options, noEmit: true, incremental: false, noUnusedLocals: false })

t.test('a long program is checked at a cost that grows with its length only', async t => {
  const none = check(0)
  const some = check(30)
  const many = check(60)
  t.ok(many - none < MOST_INSTANTIATIONS, `60 turns cost ${many - none} instantiations, 30 cost ${some - none}`)
  t.ok(many - none < 2.5 * (some - none), 'twice the turns cost about twice as much')
})

/** Instantiations while checking a program of so many answers, which must have no errors. */
function check(turns: number): number {
  const file = join(root, 'test', 'types', `generated-${turns}.ts`)
  const body = Array.from({ length: turns }, (_, index) =>
    index % 2 === 0
      ? `user\`Question ${index}: \${topic}?\`, assistant\`\${gen('free${index}', { maxTokens: 8 })}\`,`
      : `user\`Yes?\`, assistant\`\${select('choice${index}', ['yes', 'no'])}.\`,`,
  )
  host.add(
    file,
    `import { assistant, gen, input, program, select, user } from '../../frontend/index.js'
     export const long = program('long', { topic: input.text() }, ({ topic }) => [user\`\${topic}\`, ${body.join('\n')}])
     export const result = async () => (await long.run(null as never, { topic: '' }).result)${turns > 1 ? '.choice1' : ''}`,
  )
  const compiled = ts.createProgram([file], host.options, host.compiler)
  const problems = compiled.getSemanticDiagnostics(compiled.getSourceFile(file))
  t.same(
    problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    [],
  )
  return compiled.getInstantiationCount()
}

function cachingHost(options: ts.CompilerOptions) {
  const compiler = ts.createCompilerHost(options)
  const read = compiler.getSourceFile.bind(compiler)
  const exists = compiler.fileExists.bind(compiler)
  const files = new Map<string, ts.SourceFile | undefined>()
  compiler.fileExists = name => files.has(name) || exists(name)
  compiler.getSourceFile = (name, ...rest) => {
    if (!files.has(name)) files.set(name, read(name, ...rest))
    return files.get(name)
  }
  const add = (name: string, text: string) => {
    const target = { languageVersion: ts.ScriptTarget.ES2023, impliedNodeFormat: ts.ModuleKind.ESNext as const }
    files.set(name, ts.createSourceFile(name, text, target, true))
  }
  return { options, compiler, add }
}
