import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from './paths.js'

/** The stored text; first overwritten with `actual` where UPDATE_GOLDENS=1 says so. */
export function golden(name: string, actual: string): string {
  const path = join(repositoryRoot(), 'test', 'golden', name)
  if (process.env.UPDATE_GOLDENS === '1') writeFileSync(path, actual)
  return readFileSync(path, 'utf8')
}
