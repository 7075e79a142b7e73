import type { Body, BodyNode, ContentNode, GenConstraint, GenNode, JsonNode, ProgramIr } from './node.js'
import { type NodeTable, visit } from './visit.js'

/** The program as stable text: what golden tests compare and what error messages count turns by. */
export function explain(ir: ProgramIr): string {
  const inputs = Object.entries(ir.inputs).map(([name, type]) => `${name}: ${type}`)
  const lines = [`program ${JSON.stringify(ir.name)} (${inputs.join(', ')})${fields(ir.sampling)}`]
  printBody(ir.body, { lines, indent: '', turns: 0 })
  return `${lines.join('\n')}\n`
}

interface Page {
  readonly lines: string[]
  readonly indent: string
  turns: number
}

const BODY: NodeTable<BodyNode['kind'], [Page], void> = {
  turn: (node, page) => {
    page.turns += 1
    line(page, `${page.turns} ${node.role}: ${printContent(node.content)}`)
  },
  fork: (node, page) => {
    line(page, `fork ${node.name}`)
    for (const { key, body } of node.branches) printInner(page, `  branch ${JSON.stringify(key)}`, body)
  },
  when: (node, page) => {
    line(page, `when ${node.on}`)
    for (const { choice, body } of node.cases) printInner(page, `  is ${JSON.stringify(choice)}`, body)
  },
  repeat: (node, page) => {
    const until = node.until === null ? '' : `, until ${node.until.capture} is ${JSON.stringify(node.until.is)}`
    line(page, `repeat ${node.name}, at most ${node.atMost}${until}`)
    node.rounds.forEach((body, index) => {
      printInner(page, node.rounds.length === 1 ? '  every round' : `  round ${index}`, body)
    })
  },
}

const CONTENT: NodeTable<ContentNode['kind'], [], string> = {
  text: node => JSON.stringify(node.text),
  input: node => `{${node.name}}`,
  gen: node => {
    return `[gen ${node.name}${fields({ ...node.sampling, ...reported(node) })}${printConstraint(node.constraint)}]`
  },
  select: node => {
    const method = node.method === 'token-length-normalized' ? '' : ` method=${node.method}`
    return `[select ${node.name}${method}: ${node.choices.map(choice => JSON.stringify(choice)).join(' | ')}]`
  },
  json: node => {
    const options = { ...node.format, ...node.sampling, ...reported(node) }
    return `[json ${node.name}${fields(options)}: ${JSON.stringify(node.schema)}]`
  },
  ref: node => `[ref ${node.path.join('.')}]`,
  join: node => {
    const items = node.items.map(({ key, content }) => `${key} = ${printContent(content)}`)
    return `[join ${node.of} by ${JSON.stringify(node.separator)}: ${items.join(' | ')}]`
  },
}

function printBody(body: Body, page: Page): void {
  if (body.length === 0) line(page, 'nothing')
  for (const node of body) visit(BODY, node, page)
}

function printInner(page: Page, heading: string, body: Body): void {
  line(page, heading)
  const inner = { lines: page.lines, indent: `${page.indent}    `, turns: page.turns }
  printBody(body, inner)
  page.turns = inner.turns
}

function printContent(content: readonly ContentNode[]): string {
  return content.map(node => visit(CONTENT, node)).join(' ')
}

function printConstraint(constraint: GenConstraint | null): string {
  if (constraint === null) return ''
  if (constraint.kind === 'regex') return ` regex=/${constraint.pattern}/${constraint.flags}`
  const root = constraint.root === null ? '' : ` root=${constraint.root}`
  return ` ebnf=${JSON.stringify(constraint.grammar)}${root}`
}

const reported = ({ logprobs }: GenNode | JsonNode) => (logprobs === null ? {} : { logprobs })

function fields(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
    .join('')
}

function line(page: Page, text: string): void {
  page.lines.push(page.indent + text)
}
