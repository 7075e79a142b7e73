import { EngineError } from '../../protocol/error.js'
import type { Range } from '../utf8-ranges.js'

/** Body of a rule, or a part of one. */
export type EbnfNode =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'class'; readonly ranges: readonly Range[] }
  | { readonly kind: 'sequence'; readonly parts: readonly EbnfNode[] }
  | { readonly kind: 'choice'; readonly options: readonly EbnfNode[] }
  | { readonly kind: 'repeat'; readonly node: EbnfNode; readonly min: number; readonly max: number }
  | { readonly kind: 'rule'; readonly name: string; readonly at: number }

export type EbnfRules = ReadonlyMap<string, EbnfNode>

export function sequenceOf(parts: readonly EbnfNode[]): EbnfNode {
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
}

/** Where in the source an error lies; both from 1. */
export function placeOf(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

export function invalidEbnf(source: string, offset: number, what: string): EngineError {
  const { line, column } = placeOf(source, offset)
  return new EngineError('GRAMMAR_INVALID', {
    what: `The EBNF grammar is wrong at line ${line}, column ${column}: ${what}`,
    line,
    column,
  })
}

export function unsupportedEbnf(source: string, offset: number, what: string): EngineError {
  const { line, column } = placeOf(source, offset)
  return new EngineError('GRAMMAR_UNSUPPORTED', {
    kind: 'EBNF grammar',
    what: `${what} (line ${line}, column ${column}).`,
    line,
    column,
  })
}
