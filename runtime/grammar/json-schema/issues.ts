import { EngineError } from '../../protocol/error.js'

/** One keyword that cannot be enforced. */
export interface SchemaIssue {
  readonly keyword: string
  /** JSON pointer of the keyword inside the schema. */
  readonly pointer: string
  /** Why not, and what would do. */
  readonly hint: string
  /** Whether a finished value can be checked for it, as `unsupported: 'validate'` has it. */
  readonly canValidate: boolean
}

/** Carries one issue out of the depth of a compilation; the front door gathers them and never lets it escape. */
export class UnsupportedKeyword extends Error {
  readonly issue: SchemaIssue

  constructor(issue: SchemaIssue) {
    super(`${issue.pointer}: ${issue.hint}`)
    this.issue = issue
  }
}

/** References that come back to where they began; the front door turns it into an EngineError. */
export class ReferenceCircle extends Error {
  readonly pointer: string

  constructor(pointer: string) {
    super(`The references at ${pointer} lead in a circle.`)
    this.pointer = pointer
  }
}

/** One error for all issues; `data.issues` lists them. */
export function unsupportedError(issues: readonly SchemaIssue[]): EngineError {
  const list = issues
    .map(issue => `"${issue.keyword}" at ${issue.pointer || 'the root or below'} (${issue.hint})`)
    .join('; ')
  const advice = issues.every(issue => issue.canValidate)
    ? "Remove these keywords, or set unsupported: 'validate' to have the finished value checked instead"
    : 'Remove or change these keywords'
  return new EngineError('GRAMMAR_UNSUPPORTED', {
    kind: 'JSON schema',
    what: `${list}. ${advice}`,
    issues,
  })
}

export function invalidSchema(pointer: string, what: string): EngineError {
  return new EngineError('GRAMMAR_INVALID', {
    kind: 'JSON schema',
    what: `The JSON schema is wrong at ${pointer === '' ? 'its root' : pointer}: ${what}`,
    pointer,
  })
}

export function tooComplex(pointer: string, what: string): EngineError {
  return new EngineError('GRAMMAR_TOO_COMPLEX', {
    kind: 'JSON schema',
    what: `${what} (at ${pointer === '' ? 'the root' : pointer})`,
    pointer,
  })
}

/** Appends one reference token to a JSON pointer (RFC 6901). */
export function pointerTo(parent: string, ...tokens: readonly (string | number)[]): string {
  return parent + tokens.map(token => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
