import type { ExpressionId, ExpressionStore } from '../../expression.js'
import type { FormatTools } from './index.js'

const LEAP_YEAR = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)'

/** full-date of RFC 3339, with the real length of every month. */
export const DATE =
  '(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|' +
  `02-(?:0[1-9]|1\\d|2[0-8]))|${LEAP_YEAR}-02-29)`

const TIME_PARTS = 'T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)'
const DAY_PARTS = '(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)'

/** RFC 3339, appendix A. */
export const DURATION = `P(?:\\d+W|${DAY_PARTS}(?:${TIME_PARTS})?|${TIME_PARTS})`

const FRACTION = '(?:\\.\\d+)?'
const OFFSET = '(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)'
const MINUTES_OF_DAY = 1440

/** full-time of RFC 3339. Second 60 stands only where the offset makes it the last second of a day in UTC. */
export function timeOfDay({ store, pattern }: FormatTools): ExpressionId {
  const usual = pattern(`(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d${FRACTION}${OFFSET}`)
  const fraction = pattern(`:60${FRACTION}`)
  const zulu = pattern('[Zz]')
  const hours: ExpressionId[] = []
  for (let hour = 0; hour < 24; hour++) {
    // Made when the text gets to this hour: all 1,440 minutes at once would be most of a schema's cost.
    const minutes = store.rule('leap second', () => leapMinutes(store, hour, fraction, zulu), {
      nonEmpty: true,
      minLength: 6,
    })
    hours.push(store.sequence(store.literal(`${twoDigits(hour)}:`), minutes))
  }
  return store.choice([usual, ...hours])
}

function leapMinutes(store: ExpressionStore, hour: number, fraction: ExpressionId, zulu: ExpressionId): ExpressionId {
  const parts: ExpressionId[] = []
  for (let minute = 0; minute < 60; minute++) {
    const local = hour * 60 + minute
    const ahead = (local + 1) % MINUTES_OF_DAY
    const behind = (MINUTES_OF_DAY - ahead) % MINUTES_OF_DAY
    const offsets = [store.literal(`+${clock(ahead)}`), store.literal(`-${clock(behind)}`)]
    if (ahead === 0) offsets.push(zulu)
    parts.push(store.sequence(store.literal(twoDigits(minute)), fraction, store.choice(offsets)))
  }
  return store.choice(parts)
}

function clock(minutes: number): string {
  return `${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
