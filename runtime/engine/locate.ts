/** A compiled module below the folder that this one was compiled into. */
export function compiledModule(path: string): URL {
  return new URL(`../../${path}`, import.meta.url)
}
