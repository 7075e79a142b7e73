import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { repositoryRoot } from '../support/paths.js'

const NEEDED =
  'import torch, numpy, PIL, safetensors; from documents.fonts import font_paths; assert len(font_paths()) > 20'
const PYTHON = process.env.RADIANT_PYTHON ?? 'python3'
const folder = join(repositoryRoot(), 'training')

/** The training code is Python: where its packages or the fonts are missing there is nothing to test it with. */
function reasonToSkip(): string | false {
  const probe = spawnSync(PYTHON, ['-c', NEEDED], { cwd: folder, encoding: 'utf8' })
  if (probe.status === 0) return false
  const said = probe.error?.message ?? probe.stderr.trim().split('\n').at(-1)
  return `${PYTHON} cannot train (${said}); see training/README.md, and name another with RADIANT_PYTHON`
}

t.test(
  'the training recipe passes its own tests, a tiny run of all stages among them',
  { skip: reasonToSkip(), timeout: 600_000 },
  async t => {
    const run = spawnSync(PYTHON, ['-m', 'unittest', 'discover', '-s', 'tests'], { cwd: folder, encoding: 'utf8' })
    t.match(run.stderr, /^OK/m, run.stderr)
    t.equal(run.status, 0)
  },
)
