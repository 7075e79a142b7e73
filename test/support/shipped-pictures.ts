import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GenerateRequest, JsonSchema } from '../../runtime/protocol/backend.js'
import { repositoryRoot } from './paths.js'

const FOLDER = join(repositoryRoot(), 'examples', 'pictures')

/** A line of examples/pictures/labels.jsonl. */
export interface LabelledPicture {
  readonly image: string
  readonly prompt: string
  readonly schema: JsonSchema
  readonly expected: Readonly<Record<string, unknown>>
  readonly expected_text: string
}

export function readLabels(): readonly LabelledPicture[] {
  return readFileSync(join(FOLDER, 'labels.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
}

export function readPicture(image: string): Uint8Array {
  return readFileSync(join(FOLDER, image))
}

/** One question about one picture. */
export function ask(bytes: Uint8Array, text: string, more: Partial<GenerateRequest> = {}): GenerateRequest {
  const content = [
    { kind: 'image', image: { bytes, label: 'the picture' } },
    { kind: 'text', text },
  ] as const
  return { prompt: { kind: 'chat', messages: [{ role: 'user', content }] }, ...more }
}
