import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

import t from 'tap'
import ts from 'typescript'
import { isAllowed, LINE_BUDGET, packageOwners, ruleFor, SOURCE_FOLDERS } from '../support/layers.js'
import { repositoryRoot } from '../support/paths.js'

const root = repositoryRoot()
const files = SOURCE_FOLDERS.flatMap(folder => walk(join(root, folder)))

t.test('every import stays within what its folder may import', async t => {
  for (const file of files) {
    for (const { specifier, target } of importsOf(file)) {
      if (target === null) {
        const owner = packageOwners(specifier)
        t.ok(
          owner === null || owner.some(place => file.startsWith(place)),
          `${file} imports ${specifier}; only ${owner?.join(', ')} may`,
        )
      } else {
        t.ok(
          isAllowed(file, target),
          `${file} imports ${target}; it may import ${ruleFor(file)?.join(', ') || 'nothing'}`,
        )
      }
    }
  }
})

t.test('no file exceeds the line budget', async t => {
  for (const file of [...files, ...['test', 'bench', 'examples'].flatMap(folder => walk(join(root, folder)))]) {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1
    t.ok(lines <= LINE_BUDGET, `${file} has ${lines} lines; the budget is ${LINE_BUDGET}`)
  }
})

t.test('the rules themselves refuse what they should', async t => {
  t.notOk(isAllowed('frontend/ir/node.ts', 'runtime/protocol/error.ts'))
  t.notOk(isAllowed('runtime/cache/radix-tree.ts', 'runtime/grammar/index.ts'))
  t.notOk(isAllowed('kernels/worker.ts', 'runtime/protocol/ids.ts'))
  t.notOk(isAllowed('runtime/scheduler/scheduler.ts', 'kernels/protocol.ts'))
  t.ok(isAllowed('runtime/runner/model-runner.ts', 'kernels/layout.ts'))
  t.same(packageOwners('fastify'), ['runtime/server/'])
})

function walk(folder: string): string[] {
  return readdirSync(folder)
    .flatMap(name => {
      const path = join(folder, name)
      return statSync(path).isDirectory() ? walk(path).map(inner => join(root, inner)) : [path]
    })
    .filter(path => path.endsWith('.ts'))
    .map(path => relative(root, path))
}

function importsOf(file: string): { specifier: string; target: string | null }[] {
  const text = readFileSync(join(root, file), 'utf8')
  return ts.preProcessFile(text).importedFiles.map(({ fileName: specifier }) => {
    if (!specifier.startsWith('.')) return { specifier, target: null }
    const target = relative(root, resolve(join(root, dirname(file)), specifier)).replace(/\.js$/, '.ts')
    return { specifier, target }
  })
}
