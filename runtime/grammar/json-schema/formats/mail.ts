import type { ExpressionId } from '../../expression.js'
import { HOSTNAME, HOSTNAME_LENGTH, IPV4, ipv6 } from './hosts.js'
import type { FormatTools } from './index.js'
import { internationalHostname } from './international-hostname.js'

const ATOM = "0-9A-Za-z!#$%&'*+/=?^_`{|}~"
/** Section 4.5.3.1.1 of RFC 5321. */
const LOCAL_OCTETS = 64
const BEYOND_ASCII = '\\u{80}-\\u{10FFFF}'

/**
 * Mailbox of RFC 5321, section 4.1.2; with `international` that of RFC 6531. The local part is counted as it stands
 * in the JSON text, where an escaped quotation mark takes two bytes.
 */
export function emailAddress(tools: FormatTools, international: boolean): ExpressionId {
  const { store, pattern } = tools
  const more = international ? BEYOND_ASCII : ''
  const atom = `[${ATOM}${more}-]+`
  const quoted = `"(?:[ !#-\\[\\]-~${more}]|\\\\[ -~])*"`
  const local = store.and(pattern(`(?:${atom}(?:\\.${atom})*|${quoted})`), store.repeat(store.anyByte, 1, LOCAL_OCTETS))
  const literal = pattern(`\\[(?:${IPV4}|[Ii][Pp][Vv]6:${ipv6()})\\]`)
  const host = international
    ? internationalHostname(tools)
    : store.and(pattern(HOSTNAME), tools.length(1, HOSTNAME_LENGTH))
  return store.sequence(local, store.literal('@'), store.choice([host, literal]))
}
