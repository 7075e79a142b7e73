/**
 * Runs one example on the embedded model, from the repository's top folder: `node dist/examples/run.js 04`.
 * With a URL it runs on a server instead: `node dist/examples/run.js 04 http://localhost:8080`.
 */
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Backend, httpBackend } from '../frontend/index.js'
import { createEngine } from '../runtime/index.js'

interface Example {
  main(backend: Backend | string, pictures: string, print: (text: string) => void): Promise<void>
}

const [, , number = '01', url] = process.argv
const pictures = resolve('examples', 'pictures')
const print = (text: string): void => {
  process.stdout.write(text)
}

const files = await readdir(new URL('.', import.meta.url))
const file = files.find(name => name.startsWith(`${number}-`) && name.endsWith('.js'))
if (file === undefined) throw new Error(`there is no example ${number}; there are 01 to 11`)
const example = (await import(new URL(file, import.meta.url).href)) as Example

if (number === '09') await example.main(url ?? 'http://localhost:8080', pictures, print)
else if (url !== undefined) await example.main(httpBackend(url), pictures, print)
else {
  const engine = await createEngine({ model: 'pocket' })
  await example.main(engine, pictures, print).finally(() => engine.close())
}
