/** A model on a hub: repository and revision. */
export interface ModelId {
  /** `org/name`. */
  readonly repository: string
  /** Branch, tag or commit. */
  readonly revision: string
  /** As the user wrote it. */
  readonly text: string
}

export const DEFAULT_REVISION = 'main'

/** Letters, digits and single inner marks: what hubs allow, and nothing that could lead out of a folder. */
const PART = '[A-Za-z0-9](?:[\\w.-]{0,94}[A-Za-z0-9])?'
const SHAPE = new RegExp(`^(${PART}/${PART})(?:@(\\w(?:[\\w./-]{0,198}\\w)?))?$`)

/** Reads `org/name` or `org/name@revision`; null for anything else, such as paths that begin with a dot or a slash. */
export function parseModelId(text: string): ModelId | null {
  const [, repository, revision = DEFAULT_REVISION] = SHAPE.exec(text) ?? []
  if (repository === undefined || /--|\.\.|\/\/|\/\./.test(text)) return null
  return { repository, revision, text }
}

/** Whether a revision names one commit for ever, so that what is cached under it cannot be out of date. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}
