import { createHash } from 'node:crypto'
import {
  type Body,
  type BodyNode,
  type ContentNode,
  forkNode,
  genNode,
  IR_VERSION,
  inputNode,
  joinNode,
  jsonNode,
  type NodeOf,
  type ProgramIr,
  programIr,
  refNode,
  repeatNode,
  selectNode,
  textNode,
  turnNode,
  whenNode,
} from './node.js'
import { Reader, type Reading } from './reader.js'

/** SHA-256 of the program's JSON, 64 hex digits: equal programs, equal hashes, whatever made them. */
export function hashOf(ir: ProgramIr): string {
  return createHash('sha256').update(JSON.stringify(ir)).digest('hex')
}

export type Decoded =
  | { readonly ok: true; readonly ir: ProgramIr }
  | { readonly ok: false; readonly pointer: string; readonly message: string }

/**
 * A program from parsed JSON. Only the form is checked here; verify() checks the meaning. Refuses another version,
 * unknown kinds and fields of the wrong type, each with the JSON pointer of the place.
 */
export function decode(value: unknown): Decoded {
  const reader = new Reader()
  const ir = reader.object(value, '', fields => {
    const version = fields.number('irVersion')
    if (version !== IR_VERSION) reader.refuse('/irVersion', `is version ${version}; this is version ${IR_VERSION}`)
    const types = ['text', 'number', 'image', 'video'] as const
    const inputs = fields.record('inputs', (type, at) => reader.oneOf(type, at, types))
    return programIr(fields.text('name'), inputs, fields.array('body', bodyNode), fields.plain('sampling'))
  })
  const { problem } = reader
  return problem === null ? { ok: true, ir } : { ok: false, ...problem }
}

type Decode<Each extends BodyNode | ContentNode> = { readonly [K in Each['kind']]: (fields: Reading) => NodeOf<K> }

const BODY: Decode<BodyNode> = {
  turn: fields => turnNode(fields.oneOf('role', ['system', 'user', 'assistant']), fields.array('content', contentNode)),
  fork: fields =>
    forkNode(
      fields.text('name'),
      fields.objects('branches', branch => ({ key: branch.text('key'), body: branch.array('body', bodyNode) })),
    ),
  when: fields =>
    whenNode(
      fields.text('on'),
      fields.objects('cases', each => ({ choice: each.text('choice'), body: each.array('body', bodyNode) })),
    ),
  repeat: fields =>
    repeatNode(
      fields.text('name'),
      fields.number('atMost'),
      fields.nullable('until', until => ({ capture: until.text('capture'), is: until.text('is') })),
      fields.array('rounds', (round, at, reader): Body => reader.array(round, at, bodyNode)),
    ),
}

const CONTENT: Decode<ContentNode> = {
  text: fields => textNode(fields.text('text')),
  input: fields => inputNode(fields.text('name')),
  gen: fields =>
    genNode(
      fields.text('name'),
      fields.plain('sampling'),
      fields.nullable('constraint', constraint => {
        if (constraint.oneOf('kind', ['regex', 'ebnf']) === 'regex') {
          return { kind: 'regex', pattern: constraint.text('pattern'), flags: constraint.text('flags') }
        }
        return { kind: 'ebnf', grammar: constraint.text('grammar'), root: constraint.nullableText('root') }
      }),
      fields.nullableNumber('logprobs'),
    ),
  select: fields =>
    selectNode(
      fields.text('name'),
      fields.array('choices', (choice, at, reader) => reader.text(choice, at)),
      fields.oneOf('method', ['token-length-normalized', 'greedy-token', 'unconditional-likelihood-normalized']),
    ),
  json: fields =>
    jsonNode(
      fields.text('name'),
      fields.schema('schema'),
      fields.plain('format'),
      fields.plain('sampling'),
      fields.nullableNumber('logprobs'),
    ),
  ref: fields => refNode(fields.array('path', (name, at, reader) => reader.text(name, at))),
  join: fields =>
    joinNode(
      fields.text('of'),
      fields.objects('items', item => ({ key: item.text('key'), content: item.array('content', contentNode) })),
      fields.text('separator'),
    ),
}

function bodyNode(value: unknown, at: string, reader: Reader): BodyNode {
  return reader.object(value, at, fields => BODY[fields.oneOf('kind', ['turn', 'fork', 'when', 'repeat'])](fields))
}

function contentNode(value: unknown, at: string, reader: Reader): ContentNode {
  const kinds = ['text', 'input', 'gen', 'select', 'json', 'ref', 'join'] as const
  return reader.object(value, at, fields => CONTENT[fields.oneOf('kind', kinds)](fields))
}
