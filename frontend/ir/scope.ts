import type { ProgramIr } from './node.js'

/** What verify knows of a name at one point of the program. */
export interface Known {
  readonly kind: 'gen' | 'select' | 'json' | 'fork' | 'repeat'
  readonly choices?: readonly string[]
  /** Branches or rounds, of a fork or repeat only. */
  readonly inner?: ReadonlyMap<string, Scope>
  /** The condition that some way here depends on ('"related" is "yes"'); null when every way captures the name. */
  readonly onlyWhen: string | null
}

/** Names captured so far in one body. Branches and rounds see outwards; nobody sees inwards. */
export interface Scope {
  readonly names: Map<string, Known>
  readonly parent: Scope | null
}

/** What is wrong with a program, and where. `where` reads 'turn 4 (user)' and counts as explain() does. */
export interface Issue {
  readonly where: string
  readonly message: string
}

export interface Context {
  readonly ir: ProgramIr
  readonly issues: Issue[]
  turns: number
  where: string
}

export const enter = (parent: Scope | null): Scope => ({ names: new Map(), parent })

/** A copy for one case of a `when`, whose captures land in the same body. */
export const alternative = (scope: Scope): Scope => ({ names: new Map(scope.names), parent: scope.parent })

/** After a `when`: a name that every case captures is certain from here on, any other stays bound to its case. */
export function settle(
  scope: Scope,
  on: string,
  outcomes: readonly { readonly choice: string; readonly scope: Scope }[],
): void {
  const added = new Set(outcomes.flatMap(outcome => [...outcome.scope.names.keys()]))
  for (const name of added) {
    if (scope.names.has(name)) continue
    const makers = outcomes.filter(outcome => outcome.scope.names.has(name))
    const known = makers.map(maker => maker.scope.names.get(name)!)
    const everywhere = makers.length === outcomes.length && known.every(each => each.onlyWhen === null)
    const when = makers.map(maker => quote(maker.choice)).join(' or ')
    const choices = known.every(each => each.choices !== undefined)
      ? { choices: [...new Set(known.flatMap(each => each.choices ?? []))] }
      : {}
    const { kind, inner } = known[0]!
    const condition = everywhere ? null : `${quote(on)} is ${when}`
    scope.names.set(name, {
      kind,
      onlyWhen: known.every(each => isAlike(each, known[0]!))
        ? condition
        : `${quote(on)} is ${when}, each time as something else`,
      ...choices,
      ...(inner === undefined ? {} : { inner }),
    })
  }
}

/** Whether what may be asked of the one may be asked of the other. */
function isAlike(one: Known, other: Known): boolean {
  const keys = ({ inner }: Known) => (inner === undefined ? [] : [...inner.keys()].sort())
  const isSelect = (known: Known) => known.choices !== undefined
  const isNested = (known: Known) => known.inner !== undefined
  return (
    isSelect(one) === isSelect(other) &&
    isNested(one) === isNested(other) &&
    keys(one).join('\n') === keys(other).join('\n')
  )
}

export function report(context: Context, message: string): void {
  context.issues.push({ where: context.where, message })
}

/** The capture of that name which every way to this point has made; null, with a report, if there is none. */
export function find(context: Context, scope: Scope, name: string, verb: string): Known | null {
  for (let each: Scope | null = scope; each !== null; each = each.parent) {
    const known = each.names.get(name)
    if (known === undefined) continue
    if (known.onlyWhen === null) return known
    report(context, `${verb} ${quote(name)}, which is generated only when ${known.onlyWhen}`)
    return null
  }
  const names = visibleNames(scope)
  const soFar = names.length === 0 ? 'nothing is generated so far' : `so far: ${list(names)}`
  report(context, `${verb} ${quote(name)}, which no earlier turn generates; ${soFar}`)
  return null
}

export function checkNew(context: Context, scope: Scope, what: string, name: string): void {
  checkName(context, what, name)
  if (visibleNames(scope).includes(name)) {
    report(context, `captures ${quote(name)} again; every capture needs a name of its own`)
  }
}

export function checkName(context: Context, what: string, name: string): void {
  if (/^[A-Za-z_][\w-]*$/.test(name) && name !== '__proto__') return
  report(context, `the ${what} is named ${quote(name)}; a name is letters, digits, "_" and "-", not first a digit`)
}

export const quote = (text: string): string => JSON.stringify(text)
export const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.map(quote).join(', '))
export const repeated = (names: readonly string[]): string[] => [
  ...new Set(names.filter((name, index) => names.indexOf(name) !== index)),
]

function visibleNames(scope: Scope): string[] {
  const outer = scope.parent === null ? [] : visibleNames(scope.parent)
  return [...outer, ...scope.names.keys()]
}
