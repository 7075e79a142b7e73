import type { JsonSchema } from '../protocol/backend.js'
import { EngineError } from '../protocol/error.js'
import type { ExpressionId, ExpressionStore } from './expression.js'
import type { StructuralTag } from './specification.js'
import { textUntilAny, textWithout } from './text-language.js'

/**
 * Free text in which every trigger must go on as one of the structures whose beginning it opens: the rest of the
 * beginning, a value of the schema, the end. After it the text is free again. A trigger is seen where it first ends,
 * so text that merely resembles one stays free. `compileValue` makes the expression of a schema.
 */
export function compileStructuralTag(
  store: ExpressionStore,
  { structures, triggers }: Pick<StructuralTag, 'structures' | 'triggers'>,
  compileValue: (schema: JsonSchema, index: number) => ExpressionId,
): ExpressionId {
  checkTriggers(triggers)
  const bodies = structures.map((structure, index) => compileValue(structure.schema, index))
  for (const { begin } of structures) {
    if (!triggers.some(trigger => begin.startsWith(trigger)))
      throw invalid(
        `The structure that begins with ${JSON.stringify(begin)} begins with none of the triggers ${list(triggers)}.`,
      )
  }
  const tagged = triggers.map(trigger => {
    const following: ExpressionId[] = []
    for (const [index, { begin, end }] of structures.entries()) {
      if (!begin.startsWith(trigger)) continue
      following.push(store.sequence(store.literal(begin.slice(trigger.length)), bodies[index]!, store.literal(end)))
    }
    if (following.length === 0)
      throw invalid(
        `The trigger ${JSON.stringify(trigger)} begins none of the structures ${list(structures.map(({ begin }) => begin))}.`,
      )
    return store.sequence(textUntilAny(store, trigger, triggers), store.choice(following))
  })
  const text: ExpressionId = store.rule('tagged text', () =>
    store.choice([textWithout(store, triggers), store.sequence(store.choice(tagged), text)]),
  )
  return text
}

function checkTriggers(triggers: readonly string[]): void {
  for (const trigger of triggers) {
    const shadow = triggers.find(other => other !== trigger && trigger.includes(other) && !trigger.endsWith(other))
    if (shadow !== undefined)
      throw invalid(
        `The trigger ${JSON.stringify(trigger)} can never be reached: it holds the trigger ${JSON.stringify(shadow)}.`,
      )
  }
}

function list(texts: readonly string[]): string {
  return texts
    .slice(0, 8)
    .map(text => JSON.stringify(text))
    .join(', ')
}

function invalid(what: string): EngineError {
  return new EngineError('GRAMMAR_INVALID', { what })
}
