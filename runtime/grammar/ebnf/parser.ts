import { readClass, readLiteral } from './characters.js'
import { type EbnfNode, type EbnfRules, invalidEbnf, sequenceOf, unsupportedEbnf } from './syntax.js'

const NAME = /[A-Za-z_][\w.-]*/y
const BLANK = /(?:\s|#[^\n]*)*/y
const COUNT = /\{\s*(\d+)\s*(?:(,)\s*(\d+)?\s*)?\}/y
const MACROS = new Set(['TagDispatch', 'TokenTagDispatch', 'Token', 'TokenSet', 'ExcludeToken', 'AnyTokens', 'Repeat'])
const MAX_NESTING = 200
const ANY_CHARACTER: EbnfNode = { kind: 'class', ranges: [[0, 0x10ffff]] }

/**
 * Reads `name ::= body` rules in the dialect of GBNF and XGrammar. A body ends where the next `name ::=` begins, so
 * it may run over several lines. Throws GRAMMAR_INVALID with line and column.
 */
export function parseEbnf(source: string): EbnfRules {
  return new Parser(source).rules()
}

class Parser {
  readonly #source: string
  readonly #rules = new Map<string, EbnfNode>()
  #at = 0
  #nesting = 0

  constructor(source: string) {
    this.#source = source
  }

  rules(): EbnfRules {
    this.#skip()
    while (this.#at < this.#source.length) {
      const start = this.#at
      const name = this.#ruleHead()
      if (name === null) throw invalidEbnf(this.#source, start, 'a rule begins with its name and "::=".')
      if (this.#rules.has(name))
        throw invalidEbnf(this.#source, start, `the rule "${name}" is defined twice; write its alternatives with "|".`)
      this.#rules.set(name, this.#choice())
    }
    return this.#rules
  }

  #skip(): void {
    BLANK.lastIndex = this.#at
    BLANK.test(this.#source)
    this.#at = BLANK.lastIndex
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source)
    if (found !== null) this.#at = pattern.lastIndex
    return found
  }

  /** Reads `name ::=` and returns the name; without it, stays where it was. */
  #ruleHead(): string | null {
    const start = this.#at
    const name = this.#match(NAME)?.[0]
    this.#skip()
    if (name !== undefined && this.#source.startsWith('::=', this.#at)) {
      this.#at += 3
      this.#skip()
      return name
    }
    this.#at = start
    return null
  }

  #isRuleHead(): boolean {
    const start = this.#at
    const found = this.#ruleHead() !== null
    this.#at = start
    return found
  }

  #choice(): EbnfNode {
    const options = [this.#sequence()]
    while (this.#source[this.#at] === '|') {
      this.#at++
      this.#skip()
      options.push(this.#sequence())
    }
    return options.length === 1 ? options[0]! : { kind: 'choice', options }
  }

  #sequence(): EbnfNode {
    const start = this.#at
    const parts: EbnfNode[] = []
    for (let part = this.#part(); part !== null; part = this.#part()) parts.push(this.#counted(part))
    if (parts.length === 0)
      throw invalidEbnf(
        this.#source,
        start,
        `${this.#describe()} stands where an expression should; the empty text is written "".`,
      )
    return sequenceOf(parts)
  }

  /** One item without its counts; null where the sequence ends. */
  #part(): EbnfNode | null {
    const source = this.#source
    const start = this.#at
    switch (source[start]) {
      case undefined:
      case '|':
      case ')':
        return null
      case '"': {
        const { text, end } = readLiteral(source, start + 1)
        return this.#move(end, { kind: 'literal', text })
      }
      case '[': {
        const { ranges, end } = readClass(source, start + 1)
        return this.#move(end, { kind: 'class', ranges })
      }
      case '.':
        return this.#move(start + 1, ANY_CHARACTER)
      case '(':
        return this.#group()
      case '<':
        throw unsupportedEbnf(source, start, 'it names tokens of the tokenizer (<...>); write the text instead')
      default:
        return this.#reference()
    }
  }

  #move(end: number, node: EbnfNode): EbnfNode {
    this.#at = end
    this.#skip()
    return node
  }

  #group(): EbnfNode {
    const start = this.#at++
    this.#skip()
    if (this.#source[this.#at] === '=')
      throw unsupportedEbnf(
        this.#source,
        start,
        'it has a lookahead assertion (= ...), which has no effect on what may be generated; leave it out',
      )
    if (++this.#nesting > MAX_NESTING)
      throw invalidEbnf(this.#source, start, `more than ${MAX_NESTING} brackets are nested.`)
    const node = this.#choice()
    this.#nesting--
    if (this.#source[this.#at] !== ')')
      throw invalidEbnf(this.#source, start, `this bracket is not closed; ${this.#describe()} stands where ")" should.`)
    return this.#move(this.#at + 1, node)
  }

  #reference(): EbnfNode | null {
    if (this.#isRuleHead()) return null
    const start = this.#at
    const name = this.#match(NAME)?.[0]
    if (name === undefined) throw invalidEbnf(this.#source, start, `${this.#describe()} is not expected here.`)
    if (MACROS.has(name) && this.#source[this.#at] === '(')
      throw unsupportedEbnf(
        this.#source,
        start,
        `it uses the macro ${name}(...); a structural tag may do what is wanted`,
      )
    return this.#move(this.#at, { kind: 'rule', name, at: start })
  }

  #counted(node: EbnfNode): EbnfNode {
    let counted = node
    for (;;) {
      const mark = this.#source[this.#at]
      if (mark === '*' || mark === '+' || mark === '?') {
        this.#at++
        counted = {
          kind: 'repeat',
          node: counted,
          min: mark === '+' ? 1 : 0,
          max: mark === '?' ? 1 : Number.POSITIVE_INFINITY,
        }
      } else if (mark === '{') counted = this.#count(counted)
      else return counted
      this.#skip()
    }
  }

  #count(node: EbnfNode): EbnfNode {
    const start = this.#at
    const found = this.#match(COUNT)
    if (found === null) throw invalidEbnf(this.#source, start, 'a count is written {3}, {3,} or {3,5}.')
    const min = Number(found[1])
    const max = found[2] === undefined ? min : found[3] === undefined ? Number.POSITIVE_INFINITY : Number(found[3])
    if (max < min) throw invalidEbnf(this.#source, start, `the count ${found[0]} ends before it begins.`)
    return { kind: 'repeat', node, min, max }
  }

  #describe(): string {
    const codePoint = this.#source.codePointAt(this.#at)
    return codePoint === undefined ? 'the end of the grammar' : JSON.stringify(String.fromCodePoint(codePoint))
  }
}
