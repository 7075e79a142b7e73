import type { ContentNode, GenConstraint, JoinNode, JsonFormat, SlotNode, TurnNode } from './node.js'
import { isSlot } from './node.js'
import { samplingIssues } from './options.js'
import { type Context, checkNew, find, type Known, list, quote, repeated, report, type Scope } from './scope.js'
import { type NodeTable, visit } from './visit.js'

export function checkTurn(node: TurnNode, scope: Scope, context: Context): void {
  context.turns += 1
  context.where = `turn ${context.turns} (${node.role})`
  if (node.content.length === 0) report(context, 'says nothing; drop the turn or give it text')
  if (node.role === 'system' && context.turns > 1) {
    report(context, 'comes too late; a system turn can only be the first turn')
  }
  for (const part of node.content) visit(CONTENT, part, node, scope, context)
}

const CONTENT: NodeTable<ContentNode['kind'], [TurnNode, Scope, Context], void> = {
  text: () => {},
  input: (node, turn, _scope, context) => {
    const { inputs } = context.ir
    const type = Object.hasOwn(inputs, node.name) ? inputs[node.name] : undefined
    if (type === undefined) {
      report(context, `uses the input ${quote(node.name)}; the program has ${list(Object.keys(inputs))}`)
    } else if ((type === 'image' || type === 'video') && turn.role === 'assistant') {
      report(context, `shows the ${type} ${quote(node.name)}; pictures belong into user turns, an answer holds none`)
    }
  },
  gen: checkSlot,
  select: checkSlot,
  json: checkSlot,
  ref: (node, _turn, scope, context) => checkRef(node.path, null, scope, context),
  join: checkJoin,
}

function checkSlot(node: SlotNode, turn: TurnNode, scope: Scope, context: Context): void {
  if (turn.role !== 'assistant') report(context, `generates ${quote(node.name)}; only an assistant turn can generate`)
  checkNew(context, scope, node.kind, node.name)
  for (const message of visit(SLOT, node)) report(context, `${node.kind} ${quote(node.name)}: ${message}`)
  const choices = node.kind === 'select' ? { choices: node.choices } : {}
  scope.names.set(node.name, { kind: node.kind, onlyWhen: null, ...choices })
}

const SLOT: NodeTable<SlotNode['kind'], [], string[]> = {
  gen: node => {
    return [...samplingIssues(node.sampling), ...constraintIssues(node.constraint), ...logprobIssues(node.logprobs)]
  },
  select: ({ choices }) => [
    ...(choices.length === 0 ? ['there are no choices; give at least one'] : []),
    ...(choices.includes('') ? ['a choice is empty; every choice needs text'] : []),
    ...repeated(choices).map(choice => `the choice ${quote(choice)} comes twice; choices must differ`),
  ],
  json: ({ schema, format, sampling, logprobs }) => {
    const usable = schema === true || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
    const wrong = schema === false ? 'is false, which no value satisfies' : 'is no JSON Schema; give an object or true'
    return [
      ...(usable ? [] : [`the schema ${wrong}`]),
      ...formatIssues(format),
      ...samplingIssues(sampling),
      ...logprobIssues(logprobs),
    ]
  },
}

const FORMAT_RULES: {
  readonly [Name in keyof Required<JsonFormat>]: { accepts: (value: unknown) => boolean; right: string }
} = {
  propertyOrder: { accepts: value => value === 'schema' || value === 'any', right: '"schema" or "any"' },
  whitespace: {
    accepts: value => {
      if (typeof value !== 'object' || value === null) return value === 'compact' || value === 'spaced'
      const [[name, count] = [], ...rest] = Object.entries(value)
      return rest.length === 0 && (name === 'indent' || name === 'max') && Number.isSafeInteger(count) && count >= 0
    },
    right: '"compact", "spaced", { indent: n } or { max: n }',
  },
  unsupported: { accepts: value => value === 'refuse' || value === 'validate', right: '"refuse" or "validate"' },
  closeOnLength: { accepts: value => typeof value === 'boolean', right: 'true or false' },
  reasoningEnd: { accepts: value => typeof value === 'string' && value !== '', right: 'a text that is not empty' },
}

function formatIssues(format: JsonFormat): string[] {
  return Object.entries(format).flatMap(([name, value]) => {
    const rule = FORMAT_RULES[name as keyof JsonFormat]
    return rule.accepts(value) ? [] : [`${name} is ${JSON.stringify(value)}; it must be ${rule.right}`]
  })
}

function logprobIssues(logprobs: number | null): string[] {
  if (logprobs === null || (Number.isSafeInteger(logprobs) && logprobs >= 0)) return []
  return [`logprobs is ${logprobs}; it must be a whole number, 0 or more`]
}

function constraintIssues(constraint: GenConstraint | null): string[] {
  if (constraint?.kind !== 'regex') return []
  const { pattern, flags } = constraint
  const refused = flags.replaceAll(/[dguv]/g, '')
  return [
    ...(pattern === '' ? ['the regex is empty; it must match some text'] : []),
    ...(refused === ''
      ? []
      : [`the regex has the flags "${refused}"; only d, g, u and v, which change no match, may stand`]),
  ]
}

function checkJoin(node: JoinNode, turn: TurnNode, scope: Scope, context: Context): void {
  const known = find(context, scope, node.of, 'joins')
  if (known === null) return
  if (known.inner === undefined) {
    report(context, `joins ${quote(node.of)}, which is a ${known.kind}; only a fork or repeat can be joined`)
    return
  }
  for (const { key, content } of node.items) {
    if (!known.inner.has(key)) {
      report(context, `joins ${quote(`${node.of}.${key}`)}; ${quote(node.of)} has ${list([...known.inner.keys()])}`)
      continue
    }
    for (const part of content) {
      if (isSlot(part) || part.kind === 'join') {
        report(context, `joins ${quote(node.of)} with a ${part.kind} inside; an item holds text, inputs and references`)
      } else if (part.kind === 'ref') checkRef(part.path, node.of, scope, context)
      else visit(CONTENT, part, turn, scope, context)
    }
  }
}

/** `path` alternates between names and the branches or rounds inside them: ['notes', 'clarity', 'note']. */
function checkRef(path: readonly string[], withinJoinOf: string | null, scope: Scope, context: Context): void {
  const [first = ''] = path
  const whole = quote(path.join('.'))
  const start = find(context, scope, first, 'refers to')
  if (start === null) return
  if (start.kind === 'repeat' && withinJoinOf !== first) {
    report(context, `refers to ${whole}, a round that may not run; join(...) takes the rounds that did`)
    return
  }
  let known: Known = start
  for (let at = 1; at < path.length; at += 2) {
    const next: Known | undefined = known.inner?.get(path[at]!)?.names.get(path[at + 1] ?? '')
    if (next === undefined || next.onlyWhen !== null) {
      const reason =
        next === undefined ? 'which is not captured there' : `which is generated only when ${next.onlyWhen}`
      report(context, `refers to ${whole}, ${reason}`)
      return
    }
    known = next
  }
  if (known.inner !== undefined) report(context, `refers to ${whole}, a ${known.kind}; join(...) makes text of it`)
}
