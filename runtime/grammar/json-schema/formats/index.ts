import type { ExpressionId, ExpressionStore } from '../../expression.js'
import { alphabetOf } from '../../regex/alphabet.js'
import { compileRegex } from '../../regex/compile.js'
import { DATE, DURATION, timeOfDay } from './dates.js'
import { HOSTNAME, HOSTNAME_LENGTH, IPV4, ipv6 } from './hosts.js'
import { internationalHostname } from './international-hostname.js'
import { emailAddress } from './mail.js'
import { JSON_POINTER, RELATIVE_JSON_POINTER, UUID } from './pointers.js'
import { regexSyntax } from './regex-syntax.js'
import { resourceIdentifier, URI_TEMPLATE } from './resource-identifiers.js'

/** What the definition of a format builds on. All languages are of the contents of JSON strings. */
export interface FormatTools {
  readonly store: ExpressionStore
  /** Texts that a pattern matches as a whole. */
  pattern(source: string): ExpressionId
  /** Texts of so many code points. */
  length(min: number, max: number): ExpressionId
}

type Definition = (tools: FormatTools) => ExpressionId

const DEFINITIONS: ReadonlyMap<string, Definition> = new Map<string, Definition>([
  ['date', ({ pattern }) => pattern(DATE)],
  ['time', timeOfDay],
  ['date-time', tools => tools.store.sequence(tools.pattern(`${DATE}[Tt]`), timeOfDay(tools))],
  ['duration', ({ pattern }) => pattern(DURATION)],
  ['email', tools => emailAddress(tools, false)],
  ['idn-email', tools => emailAddress(tools, true)],
  ['hostname', ({ store, pattern, length }) => store.and(pattern(HOSTNAME), length(1, HOSTNAME_LENGTH))],
  ['idn-hostname', internationalHostname],
  ['ipv4', ({ pattern }) => pattern(IPV4)],
  ['ipv6', ({ pattern }) => pattern(ipv6())],
  ['uri', ({ pattern }) => pattern(resourceIdentifier({ international: false, reference: false }))],
  ['uri-reference', ({ pattern }) => pattern(resourceIdentifier({ international: false, reference: true }))],
  ['iri', ({ pattern }) => pattern(resourceIdentifier({ international: true, reference: false }))],
  ['iri-reference', ({ pattern }) => pattern(resourceIdentifier({ international: true, reference: true }))],
  ['uri-template', ({ pattern }) => pattern(URI_TEMPLATE)],
  ['uuid', ({ pattern }) => pattern(UUID)],
  ['json-pointer', ({ pattern }) => pattern(JSON_POINTER)],
  ['relative-json-pointer', ({ pattern }) => pattern(RELATIVE_JSON_POINTER)],
  ['regex', regexSyntax],
])

const cache = new WeakMap<ExpressionStore, Map<string, ExpressionId>>()

/** Whether JSON Schema defines the format. */
export function isKnownFormat(name: string): boolean {
  return DEFINITIONS.has(name)
}

/** Contents of the JSON strings of a known format. Some are narrower than their standards: see each definition. */
export function compileFormat(store: ExpressionStore, name: string): ExpressionId {
  let known = cache.get(store)
  if (known === undefined) {
    known = new Map()
    cache.set(store, known)
  }
  let id = known.get(name)
  if (id === undefined) {
    id = DEFINITIONS.get(name)!(createTools(store))
    known.set(name, id)
  }
  return id
}

function createTools(store: ExpressionStore): FormatTools {
  const { any } = alphabetOf(store, 'json-string')
  return {
    store,
    pattern: source => compileRegex(store, source, { anchored: true, alphabet: 'json-string' }),
    length: (min, max) => store.repeat(any, min, max),
  }
}
