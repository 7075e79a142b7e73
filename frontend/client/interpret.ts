import type { ContentPart, Message } from '../../runtime/protocol/backend.js'
import { EngineError } from '../../runtime/protocol/error.js'
import {
  type Body,
  type BodyNode,
  type ContentNode,
  type ForkNode,
  isSlot,
  roundBody,
  type SlotNode,
} from '../ir/node.js'
import { type Prefix, sharedPrefix } from '../ir/prefix.js'
import { type NodeTable, visit } from '../ir/visit.js'
import { AbortLink } from './abort-link.js'
import { fill } from './fill.js'
import { appendText, type Captured, type Frame } from './frame.js'
import type { Walk } from './walk.js'
import { isWorthWarming } from './warm.js'

/**
 * Runs a verified body: its turns go into the frame's conversation, its captures into the frame. Throws
 * PROGRAM_CANCELLED when the signal aborts, the backend's EngineErrors as they come, and those of output.ts.
 */
export async function interpret(body: Body, frame: Frame, walk: Walk): Promise<void> {
  for (const node of body) {
    if (walk.signal.aborted) throw new EngineError('PROGRAM_CANCELLED', { program: walk.program })
    await visit(BODY, node, frame, walk).catch(cause => {
      // What a generation tells by its finish, a select or a warm-up tells by this error.
      const isAborted = EngineError.isInstance(cause) && cause.code === 'REQUEST_ABORTED'
      throw isAborted ? new EngineError('PROGRAM_CANCELLED', { program: walk.program }, { cause }) : cause
    })
  }
}

const BODY: NodeTable<BodyNode['kind'], [Frame, Walk], Promise<void>> = {
  turn: async (node, frame, walk) => {
    const open: ContentPart[] = []
    for (const part of node.content) {
      if (isSlot(part)) settle(part.name, await fill(part, frame, open, walk), frame, walk)
      else visit(CONTENT, part, frame, open, walk)
    }
    frame.messages.push({ role: node.role, content: open })
  },
  fork: async (node, frame, walk) => {
    await warmBranches(node, frame, walk)
    const link = new AbortLink(walk.signal)
    const inner = { ...walk, signal: link.signal }
    const frames = new Map(node.branches.map(({ key }) => [key, frame.branch(node.name, key)]))
    const causes: unknown[] = []
    // Every branch has come to rest before the fork does: none may outlive the run that it belongs to.
    await Promise.all(
      node.branches.map(({ key, body }) =>
        runPart(body, frames.get(key)!, inner).catch((cause: unknown) => {
          causes.push(cause)
          link.abort()
        }),
      ),
    )
    link.release()
    if (causes.length > 0) throw causes[0]
    const value = Object.fromEntries([...frames].map(([key, branch]) => [key, branch.values()]))
    settle(node.name, { text: null, value, inner: frames }, frame, walk)
  },
  when: async (node, frame, walk) => {
    const choice = frame.find(node.on)
    if (choice === undefined) throw brokenProgram(walk, `"${node.on}" is asked about before it is captured`)
    // The choice narrows the captures of the body that asks, so it stands among them even if an outer body made it.
    if (!frame.captures.has(node.on)) frame.captures.set(node.on, choice)
    const chosen = node.cases.find(each => each.choice === choice.text)
    if (chosen === undefined) throw brokenProgram(walk, `"${node.on}" has no case for ${JSON.stringify(choice.text)}`)
    await interpret(chosen.body, frame, walk)
  },
  repeat: async (node, frame, walk) => {
    const rounds = new Map<string, Frame>()
    for (let index = 0; index < node.atMost; index++) {
      const round = frame.round(node.name, index)
      await runPart(roundBody(node, index), round, walk)
      rounds.set(String(index), round)
      if (node.until !== null && round.captures.get(node.until.capture)?.text === node.until.is) break
    }
    const value = [...rounds.values()].map(round => round.values())
    settle(node.name, { text: null, value, inner: rounds }, frame, walk)
  },
}

const CONTENT: NodeTable<
  Exclude<ContentNode, SlotNode>['kind'],
  [Frame, ContentPart[], Pick<Walk, 'program' | 'inputs'>],
  void
> = {
  text: (node, _frame, open) => appendText(open, node.text),
  input: (node, _frame, open, walk) => {
    const part = walk.inputs.get(node.name)
    if (part === undefined) throw brokenProgram(walk, `the input "${node.name}" has no value`)
    if (part.kind === 'text') appendText(open, part.text)
    else open.push(part)
  },
  ref: (node, frame, open, walk) => {
    const text = frame.textAt(node.path)
    if (text === undefined) throw brokenProgram(walk, `"${node.path.join('.')}" is referred to before it is captured`)
    appendText(open, text)
  },
  join: (node, frame, open, walk) => {
    const ran = frame.find(node.of)?.inner
    const items = node.items.filter(({ key }) => ran?.has(key))
    for (const [index, { content }] of items.entries()) {
      if (index > 0) appendText(open, node.separator)
      for (const part of content) if (!isSlot(part)) visit(CONTENT, part, frame, open, walk)
    }
  },
}

/** One branch or round. */
async function runPart(body: Body, frame: Frame, walk: Walk): Promise<void> {
  await interpret(body, frame, walk)
  walk.report({ type: 'capture-end', path: frame.path, value: frame.values() })
}

/** Computes what all branches begin with once, before they all ask for it at the same time. */
async function warmBranches({ branches }: ForkNode, frame: Frame, walk: Walk): Promise<void> {
  if (branches.length < 2) return
  const prefix = prefixMessages(sharedPrefix(branches.map(branch => branch.body)), frame, walk)
  const messages = [...frame.messages, ...prefix]
  // What was generated after is cached already, with all before it.
  const known = frame.messages.findLastIndex(({ content }) => content.some(part => part.kind === 'generated'))
  // A warm-up goes into the unsalted cache, where salted requests do not look.
  if (walk.settings.cacheSalt !== undefined || !isWorthWarming(messages.slice(known + 1))) return
  const usage = await walk.backend.warm({ kind: 'chat', messages }, { signal: walk.signal })
  walk.report({ type: 'usage', usage })
}

/** A prefix as messages. All that it refers to must be in the frame. */
export function prefixMessages(prefix: Prefix, frame: Frame, walk: Pick<Walk, 'program' | 'inputs'>): Message[] {
  return prefix.map(({ role, content }) => {
    const open: ContentPart[] = []
    for (const part of content) if (!isSlot(part)) visit(CONTENT, part, frame, open, walk)
    return { role, content: open }
  })
}

function settle(name: string, captured: Captured, frame: Frame, walk: Walk): void {
  frame.captures.set(name, captured)
  walk.report({ type: 'capture-end', path: frame.pathOf(name), value: captured.value })
}

/** For what verify() rules out; met only when a body runs that was never verified. */
function brokenProgram(walk: Pick<Walk, 'program'>, what: string): EngineError {
  return new EngineError('PROGRAM_INVALID', { program: walk.program, what: `program "${walk.program}": ${what}.` })
}
