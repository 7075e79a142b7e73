import { EngineError } from '../../protocol/error.js'
import { ANYTHING, LINE_TERMINATORS } from './classes.js'
import { type CodePointSet, codePointSet, complementCodePoints } from './code-points.js'
import { readClass, readClassEscape } from './escapes.js'
import { foldCase } from './properties.js'
import { RegexReader } from './reader.js'
import type { RegexNode } from './syntax.js'

/** `i`: ignore case. `s`: a dot matches line terminators too. `u` is always on. Other flags are refused. */
export interface RegexFlags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
}

const MAX_DEPTH = 200

const LOOK_BEHIND = 'lookbehind; say what comes before as part of the pattern'

/**
 * Reads an ECMAScript pattern, `u` flag implied, lenient where pages of the web are: an unmatched `]`, `{` or `}`
 * and a needless backslash before punctuation stand for themselves; `(?i)` in front and `(?P<name>...)` are taken.
 * @throws EngineError GRAMMAR_INVALID for a syntax error, GRAMMAR_UNSUPPORTED for what no linear-time automaton
 * does; both carry `pattern` and `position` (in UTF-16 units).
 */
export function parseRegex(pattern: string, flags = ''): RegexNode {
  const reader = new RegexReader(pattern)
  const parser = new Parser(reader, readFlags(reader, flags + readLeadingFlags(reader)))
  const node = parser.disjunction(0)
  if (!reader.isAtEnd) throw reader.invalid('there is a ")" without a "("')
  return node
}

/** `(?i)` before the pattern: no ECMAScript, where it is an error, and clear in meaning. */
function readLeadingFlags(reader: RegexReader): string {
  return reader.match(/\(\?([isu]+)\)/y)?.[1] ?? ''
}

function readFlags(reader: RegexReader, flags: string): RegexFlags {
  for (const flag of flags) {
    if (!'isuvdg'.includes(flag)) throw reader.unsupported(`the flag "${flag}"`)
  }
  return { ignoreCase: flags.includes('i'), dotAll: flags.includes('s') }
}

class Parser {
  readonly #reader: RegexReader
  #flags: RegexFlags

  constructor(reader: RegexReader, flags: RegexFlags) {
    this.#reader = reader
    this.#flags = flags
  }

  disjunction(depth: number): RegexNode {
    if (depth > MAX_DEPTH) {
      throw new EngineError('GRAMMAR_TOO_COMPLEX', { kind: 'regex', what: `groups nest more than ${MAX_DEPTH} deep` })
    }
    const options = [this.#alternative(depth)]
    while (this.#reader.take('|')) options.push(this.#alternative(depth))
    return options.length === 1 ? options[0]! : { kind: 'choice', options }
  }

  #alternative(depth: number): RegexNode {
    const parts: RegexNode[] = []
    while (!this.#reader.isAtEnd && !this.#reader.sees('|') && !this.#reader.sees(')')) {
      parts.push(this.#term(depth))
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #term(depth: number): RegexNode {
    const node = this.#atom(depth)
    const counts = this.#quantifier()
    return counts === null ? node : { kind: 'repeat', body: node, min: counts[0], max: counts[1] }
  }

  #atom(depth: number): RegexNode {
    const reader = this.#reader
    if (reader.take('^')) return { kind: 'start' }
    if (reader.take('$')) return { kind: 'end' }
    if (reader.take('(')) return this.#group(depth)
    if (reader.take('.')) return this.#set(this.#flags.dotAll ? ANYTHING : complementCodePoints(LINE_TERMINATORS))
    if (reader.take('[')) {
      const { set, negated } = readClass(reader)
      const folded = this.#flags.ignoreCase ? foldCase(set) : set
      return { kind: 'class', set: negated ? complementCodePoints(folded) : folded }
    }
    if (reader.take('\\b') || reader.take('\\B')) return this.#boundary()
    if (reader.take('\\')) return this.#set(readClassEscape(reader))
    if (reader.sees('*') || reader.sees('+') || reader.sees('?')) throw reader.invalid('there is nothing to repeat')
    const codePoint = reader.next()
    return this.#set([[codePoint, codePoint]])
  }

  #boundary(): RegexNode {
    const { pattern, position } = this.#reader
    if (this.#flags.ignoreCase) throw this.#reader.unsupported('a word boundary without case', position - 2)
    return { kind: 'boundary', negative: pattern[position - 1] === 'B' }
  }

  #set(set: CodePointSet): RegexNode {
    const scalars = codePointSet(set)
    return { kind: 'class', set: this.#flags.ignoreCase ? foldCase(scalars) : scalars }
  }

  #group(depth: number): RegexNode {
    const reader = this.#reader
    const opening = reader.position - 1
    if (!reader.take('?')) return this.#closing(this.disjunction(depth + 1), opening)
    if (reader.take(':')) return this.#closing(this.disjunction(depth + 1), opening)
    if (reader.take('=')) return this.#lookAhead(depth, false, opening)
    if (reader.take('!')) return this.#lookAhead(depth, true, opening)
    if (reader.sees('<=') || reader.sees('<!')) throw reader.unsupported(LOOK_BEHIND, opening)
    if (reader.take('<') || reader.take('P<')) {
      if (reader.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*>/uy) === null) throw reader.invalid('a group name is wrong')
      return this.#closing(this.disjunction(depth + 1), opening)
    }
    const modifiers = reader.match(/([ims]*)(?:-([ims]*))?:/y)
    if (modifiers === null) throw reader.invalid('"(?" begins no group of ECMAScript')
    const [, added = '', removed = ''] = modifiers
    if ((added + removed).includes('m')) throw reader.unsupported('the multi-line modifier "m"', opening)
    const outer = this.#flags
    this.#flags = {
      ignoreCase: added.includes('i') || (outer.ignoreCase && !removed.includes('i')),
      dotAll: added.includes('s') || (outer.dotAll && !removed.includes('s')),
    }
    const body = this.#closing(this.disjunction(depth + 1), opening)
    this.#flags = outer
    return body
  }

  #lookAhead(depth: number, negative: boolean, opening: number): RegexNode {
    return { kind: 'look-ahead', negative, body: this.#closing(this.disjunction(depth + 1), opening) }
  }

  #closing(body: RegexNode, opening: number): RegexNode {
    if (!this.#reader.take(')')) throw this.#reader.invalid('a "(" is never closed', opening)
    return body
  }

  #quantifier(): readonly [number, number] | null {
    const reader = this.#reader
    const counts = this.#counts()
    if (counts !== null) reader.take('?')
    return counts
  }

  #counts(): readonly [number, number] | null {
    const reader = this.#reader
    if (reader.take('*')) return [0, Number.POSITIVE_INFINITY]
    if (reader.take('+')) return [1, Number.POSITIVE_INFINITY]
    if (reader.take('?')) return [0, 1]
    const start = reader.position
    const counted = reader.match(/\{(\d+)(,(\d*))?\}/y)
    if (counted === null) return null
    const min = Number(counted[1])
    const max = counted[2] === undefined ? min : counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3])
    if (max < min) throw reader.invalid(`the counts ${counted[0]} are out of order`, start)
    return [min, max]
  }
}
