import { type FileHandle, open } from 'node:fs/promises'
import { UsageError } from './arguments.js'
import { type Resume, readResume } from './extract-plan.js'
import { reason } from './pictures.js'

/** A file of lines that is only ever appended to; each line is with the system before the next is begun. */
export class OutputFile {
  readonly #handle: FileHandle
  readonly done: ReadonlySet<string>

  private constructor(handle: FileHandle, resume: Resume) {
    this.#handle = handle
    this.done = resume.done
  }

  /** Opens or makes the file and mends its end. Throws UsageError when it cannot be written or holds something else. */
  static async open(path: string): Promise<OutputFile> {
    const handle = await open(path, 'a+').catch(error => {
      throw new UsageError(`${path} cannot be written: ${reason(error)}.`, { cause: error })
    })
    try {
      const resume = readResume(await handle.readFile('utf8'), path)
      await handle.truncate(resume.keptBytes)
      if (resume.lacksNewline) await handle.appendFile('\n')
      return new OutputFile(handle, resume)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async append(line: string): Promise<void> {
    await this.#handle.appendFile(line)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
