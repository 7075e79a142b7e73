import type { Body, BodyNode, ProgramIr, RepeatNode } from './node.js'
import { roundBody } from './node.js'
import { samplingIssues } from './options.js'
import {
  alternative,
  type Context,
  checkName,
  checkNew,
  enter,
  find,
  type Issue,
  list,
  quote,
  repeated,
  report,
  type Scope,
  settle,
} from './scope.js'
import { checkTurn } from './verify-turn.js'
import { capturedNames, type NodeTable, visit } from './visit.js'

export type { Issue } from './scope.js'

const MOST_ROUNDS = 1000

/** Every rule that a program breaks; an empty array means that it can run. Throws nothing. */
export function verify(ir: ProgramIr): Issue[] {
  const context: Context = { ir, issues: [], turns: 0, where: '' }
  if (ir.name === '') report(context, 'the program needs a name')
  for (const name of Object.keys(ir.inputs)) checkName(context, 'input', name)
  for (const message of samplingIssues(ir.sampling)) report(context, message)
  if (capturedNames(ir.body).length === 0) report(context, 'generates nothing; some assistant turn must hold a slot')
  checkBody(ir.body, enter(null), context)
  return context.issues
}

/** 'program "judge", turn 4 (user): refers to ...' */
export function sentence(program: string, issue: Issue): string {
  const where = issue.where === '' ? '' : `, ${issue.where}`
  return `program ${quote(program)}${where}: ${issue.message}.`
}

const BODY: NodeTable<BodyNode['kind'], [Scope, Context], void> = {
  turn: checkTurn,
  fork: (node, scope, context) => {
    const where = `fork ${quote(node.name)}`
    context.where = where
    checkNew(context, scope, 'fork', node.name)
    if (node.branches.length === 0) report(context, 'has no branches; a fork needs at least one')
    for (const key of repeated(node.branches.map(branch => branch.key))) {
      report(context, `has two branches with the key ${quote(key)}; the keys must differ`)
    }
    const inner = new Map<string, Scope>()
    for (const { key, body } of node.branches) {
      if (key === '' || key.includes('.')) report(context, `has the key ${quote(key)}; a key is text without a dot`)
      const branch = enter(scope)
      checkBody(body, branch, context)
      inner.set(key, branch)
      context.where = where
    }
    scope.names.set(node.name, { kind: 'fork', inner, onlyWhen: null })
  },
  when: (node, scope, context) => {
    context.where = `when ${quote(node.on)}`
    const known = find(context, scope, node.on, 'asks about')
    if (known !== null && known.kind !== 'select') {
      report(context, `asks about ${quote(node.on)}, which is a ${known.kind}; only a select can be asked about`)
    }
    const choices = known?.choices ?? []
    const cases = node.cases.map(each => each.choice)
    for (const choice of cases.filter(each => choices.length > 0 && !choices.includes(each))) {
      report(context, `has a case for ${quote(choice)}, which is no choice; there are ${list(choices)}`)
    }
    for (const choice of repeated(cases)) report(context, `has two cases for ${quote(choice)}`)
    for (const choice of choices.filter(each => !cases.includes(each))) {
      report(context, `has no case for ${quote(choice)}; where nothing is to be done, give it []`)
    }
    const outcomes = node.cases.map(({ choice, body }) => {
      const outcome = alternative(scope)
      checkBody(body, outcome, context)
      return { choice, scope: outcome }
    })
    settle(scope, node.on, outcomes)
  },
  repeat: (node, scope, context) => {
    const where = `repeat ${quote(node.name)}`
    context.where = where
    checkNew(context, scope, 'repeat', node.name)
    if (!Number.isSafeInteger(node.atMost) || node.atMost < 1 || node.atMost > MOST_ROUNDS) {
      report(context, `atMost is ${node.atMost}; it must be a whole number from 1 to ${MOST_ROUNDS}`)
    }
    const bodies = new Map<Body, Scope>()
    for (const body of node.rounds) {
      const round = enter(scope)
      checkBody(body, round, context)
      context.where = where
      checkUntil(node, round, context)
      bodies.set(body, round)
    }
    const inner = new Map<string, Scope>()
    for (let index = 0; index < Math.min(node.atMost, MOST_ROUNDS); index++) {
      const round = bodies.get(roundBody(node, index))
      if (round !== undefined) inner.set(String(index), round)
    }
    scope.names.set(node.name, { kind: 'repeat', inner, onlyWhen: null })
  },
}

function checkBody(body: Body, scope: Scope, context: Context): void {
  for (const node of body) visit(BODY, node, scope, context)
}

function checkUntil(node: RepeatNode, round: Scope, context: Context): void {
  if (node.until === null) return
  const { capture, is } = node.until
  const known = round.names.get(capture)
  const textual = known?.kind === 'gen' || known?.kind === 'select'
  if (known === undefined || !textual) {
    const names = [...round.names].filter(([, { kind }]) => kind === 'gen' || kind === 'select').map(([name]) => name)
    report(context, `ends on ${quote(capture)}, which its rounds do not generate as text; they have ${list(names)}`)
  } else if (known.onlyWhen !== null) {
    report(context, `ends on ${quote(capture)}, which is generated only when ${known.onlyWhen}`)
  } else if (known.choices !== undefined && !known.choices.includes(is)) {
    report(context, `ends when ${quote(capture)} is ${quote(is)}, which is no choice; there are ${list(known.choices)}`)
  }
}
