import { ipv6 } from './hosts.js'

const PERCENT = '%[0-9A-Fa-f]{2}'
const UNRESERVED = '0-9A-Za-z._~'
const SUB_DELIMITERS = "!$&'()*+,;="

/** ucschar and iprivate of RFC 3987, section 2.2. */
const INTERNATIONAL = (() => {
  const ranges = ['\\u{A0}-\\u{D7FF}', '\\u{F900}-\\u{FDCF}', '\\u{FDF0}-\\u{FFEF}']
  for (let plane = 1; plane <= 14; plane++) {
    const start = plane === 14 ? 'E1000' : `${plane.toString(16)}0000`
    ranges.push(`\\u{${start}}-\\u{${plane.toString(16)}FFFD}`)
  }
  return ranges.join('')
})()
const PRIVATE = '\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}'

export interface IdentifierKind {
  /** Non-ASCII characters stand for themselves (RFC 3987). */
  readonly international: boolean
  /** Relative references too. */
  readonly reference: boolean
}

/** URI and URI-reference of RFC 3986, appendix A; IRI and IRI-reference of RFC 3987. */
export function resourceIdentifier({ international, reference }: IdentifierKind): string {
  const unreserved = `${UNRESERVED}${international ? INTERNATIONAL : ''}`
  const character = (more: string) => `(?:[${unreserved}${SUB_DELIMITERS}${more}-]|${PERCENT})`
  const pathCharacter = character(':@')
  const address = `\\[(?:${ipv6()}|[Vv][0-9A-Fa-f]+\\.[${UNRESERVED}${SUB_DELIMITERS}:-]+)\\]`
  const authority = `(?:${character(':')}*@)?(?:${address}|${character('')}*)(?::\\d*)?`
  const absolutePath = `(?:/${pathCharacter}*)*`
  const rooted = `/(?:${pathCharacter}+${absolutePath})?`
  const rootless = `${pathCharacter}+${absolutePath}`
  const noScheme = `${character('@')}+${absolutePath}`
  const query = `(?:\\?${character(`:@/?${international ? PRIVATE : ''}`)}*)?`
  const fragment = `(?:#${character(':@/?')}*)?`
  const hierarchy = (first: string) => `(?://${authority}${absolutePath}|${rooted}|${first})?`
  const absolute = `[A-Za-z][0-9A-Za-z+.-]*:${hierarchy(rootless)}`
  return `(?:${reference ? `${absolute}|${hierarchy(noScheme)}` : absolute})${query}${fragment}`
}

const VARIABLE_CHARACTER = `(?:[0-9A-Za-z_]|${PERCENT})`
const VARIABLE = `${VARIABLE_CHARACTER}(?:\\.?${VARIABLE_CHARACTER})*(?::[1-9]\\d{0,3}|\\*)?`

/** RFC 6570, section 2, with the apostrophe in literals (erratum 6937). */
export const URI_TEMPLATE =
  `(?:[!#$&'()*+,\\-./0-9:;=?@A-Z\\[\\]_a-z~${INTERNATIONAL}${PRIVATE}]|${PERCENT}|` +
  `\\{[+#./;?&=,!@|]?${VARIABLE}(?:,${VARIABLE})*\\})*`
