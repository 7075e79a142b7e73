import { type Script, type ScriptedAnswer, ScriptedBackend } from './scripted-backend.js'

/** Answers with the first entry whose key occurs in the last question: the last user turn and what follows it. */
export function answering(answers: Readonly<Record<string, string | ScriptedAnswer>>): Script {
  return ({ prompt }) => {
    const question = prompt.slice(Math.max(0, prompt.lastIndexOf('<user>')))
    const found = Object.entries(answers).find(([key]) => question.includes(key))
    if (found === undefined) throw new Error(`the script has no answer to: ${question}`)
    return found[1]
  }
}

export const scripted = (answers: Readonly<Record<string, string | ScriptedAnswer>>): ScriptedBackend =>
  new ScriptedBackend(answering(answers))
