import { Ajv2020 } from 'ajv/dist/2020.js'
import { validatorOf } from '../../frontend/dsl/schema.js'
import type { Body, BodyNode, GenNode, JsonNode, ProgramIr, SelectNode } from '../../frontend/ir/node.js'
import { isSlot, roundBody } from '../../frontend/ir/node.js'
import { type NodeTable, visit } from '../../frontend/ir/visit.js'

/**
 * What every backend's result for a program must satisfy, whatever its model says: exactly the captures of the way
 * that the choices took, each within its constraint. Returns a sentence for each thing that is wrong.
 */
export function misfits(ir: ProgramIr, result: unknown): string[] {
  const check: Check = { problems: [], outer: {} }
  checkCaptures(ir.body, result, '', check)
  return check.problems
}

interface Check {
  readonly problems: string[]
  /** Captures of the bodies around, for a `when` on one of them. */
  readonly outer: Readonly<Record<string, unknown>>
}
type Captures = Readonly<Record<string, unknown>>

function checkCaptures(body: Body, value: unknown, path: string, check: Check): void {
  if (typeof value !== 'object' || value === null) {
    check.problems.push(`${path} is ${JSON.stringify(value)}, not an object`)
    return
  }
  const captures = value as Captures
  const expected = new Set<string>()
  for (const node of body) visit(BODY, node, captures, path, expected, check)
  for (const name of Object.keys(captures)) {
    if (!expected.has(name)) check.problems.push(`${path}${name} should not be there`)
  }
}

const BODY: NodeTable<BodyNode['kind'], [Captures, string, Set<string>, Check], void> = {
  turn: (node, captures, path, expected, check) => {
    for (const part of node.content) {
      if (!isSlot(part)) continue
      expected.add(part.name)
      const problem = visit(SLOT, part, captures[part.name])
      if (problem !== null)
        check.problems.push(`${path}${part.name} is ${JSON.stringify(captures[part.name])}: ${problem}`)
    }
  },
  fork: (node, captures, path, expected, check) => {
    expected.add(node.name)
    const branches = (captures[node.name] ?? {}) as Captures
    const keys = node.branches.map(branch => branch.key)
    if (Object.keys(branches).join() !== keys.join()) check.problems.push(`${path}${node.name} lacks branches or order`)
    const inner = { ...check, outer: { ...check.outer, ...captures } }
    for (const { key, body } of node.branches) checkCaptures(body, branches[key], `${path}${node.name}.${key}.`, inner)
  },
  when: (node, captures, path, expected, check) => {
    expected.add(node.on)
    const choice = captures[node.on]
    if (node.on in check.outer && check.outer[node.on] !== choice) check.problems.push(`${path}${node.on} changed`)
    const chosen = node.cases.find(each => each.choice === choice)
    for (const inner of chosen?.body ?? []) visit(BODY, inner, captures, path, expected, check)
  },
  repeat: (node, captures, path, expected, check) => {
    expected.add(node.name)
    const rounds = captures[node.name]
    if (!Array.isArray(rounds) || rounds.length < 1 || rounds.length > node.atMost) {
      check.problems.push(`${path}${node.name} should have 1 to ${node.atMost} rounds`)
      return
    }
    const { until } = node
    rounds.forEach((round: Captures, index) => {
      checkCaptures(roundBody(node, index), round, `${path}${node.name}.${index}.`, check)
      const ends = until !== null && round[until.capture] === until.is
      const isLast = index === rounds.length - 1
      if (ends !== isLast && !(isLast && rounds.length === node.atMost)) {
        check.problems.push(`${path}${node.name} should ${ends ? 'have ended' : 'go on'} after round ${index}`)
      }
    })
  },
}

const ajv = new Ajv2020()

const SLOT: NodeTable<'gen' | 'select' | 'json', [unknown], string | null> = {
  gen: (node: GenNode, value) => {
    if (typeof value !== 'string') return 'not a string'
    if (node.constraint?.kind !== 'regex') return null
    return new RegExp(`^(?:${node.constraint.pattern})$`, 'u').test(value) ? null : 'against its regex'
  },
  select: (node: SelectNode, value) => (node.choices.includes(value as string) ? null : 'not a choice'),
  json: (node: JsonNode, value) => {
    // A validator may have transformed the value, so that the schema says nothing about it any more.
    if (validatorOf(node) !== null || ajv.validate(node.schema, value)) return null
    return ajv.errorsText()
  },
}
