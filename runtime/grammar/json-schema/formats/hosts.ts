const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const GROUP = '[0-9A-Fa-f]{1,4}'
const GROUPS = 8

/** dotted-quad of RFC 2673: no leading zeros. */
export const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`

export const HOSTNAME_LENGTH = 253

/**
 * RFC 1123. Labels that begin with `xn--` are left out: whether one is right depends on what it decodes to, which no
 * automaton knows. With at most one character before it, or other ones, two hyphens may stand third and fourth.
 */
const LABEL = (() => {
  const alphanumeric = '[0-9A-Za-z]'
  const inner = (most: number) => `(?:[0-9A-Za-z-]{0,${most - 1}}${alphanumeric})?`
  const other = '[0-9A-WYZa-wyz]'
  const afterX = `[Xx](?:${alphanumeric}|-(?:[0-9A-Za-z-]{0,60}${alphanumeric})|[0-9A-MO-Za-mo-z-][0-9A-Za-z-]{0,60}${alphanumeric})?`
  const afterXn = `[Xx][Nn](?:${alphanumeric}[0-9A-Za-z-]{0,59}${alphanumeric}|-${alphanumeric}${inner(59)})`
  return `(?:${other}${inner(62)}|${afterX}|${afterXn})`
})()

export const HOSTNAME = `${LABEL}(?:\\.${LABEL})*`

/** Section 2.2 of RFC 4291: eight groups, the last two of them perhaps as IPv4, and one run of zeros left out. */
export function ipv6(): string {
  const options = [`(?:${GROUP}:){6}(?:${GROUP}:${GROUP}|${IPV4})`]
  for (let left = 0; left < GROUPS; left++) {
    const before = left === 0 ? '' : left === 1 ? GROUP : `${GROUP}(?::${GROUP}){${left - 1}}`
    const room = GROUPS - 1 - left
    const after = room === 0 ? [] : [`${GROUP}(?::${GROUP}){0,${room - 1}}`]
    if (room >= 2) after.push(`(?:${GROUP}:){0,${room - 2}}${IPV4}`)
    options.push(`${before}::${after.length === 0 ? '' : `(?:${after.join('|')})?`}`)
  }
  return `(?:${options.join('|')})`
}
