import fc from 'fast-check'
import t from 'tap'
import { type PacketList, planRuns, shownOrder } from '../../runtime/vision/frame-runs.js'

/** Groups of pictures: a key packet, packets after it in any order of showing, and of later groups some that are shown before it. */
const packetList = fc
  .array(
    fc.record({
      leading: fc.integer({ min: 0, max: 3 }),
      rest: fc.array(fc.boolean(), { maxLength: 7 }),
      shuffle: fc.nat(),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((groups): PacketList => {
    const list = { times: [] as number[], isKey: [] as boolean[], isShown: [] as boolean[] }
    const push = (time: number, isKey: boolean, isShown: boolean) => {
      list.times.push(time)
      list.isKey.push(isKey)
      list.isShown.push(isShown)
    }
    let time = 0
    for (const { leading, rest, shuffle } of groups) {
      push((time + leading) * 40, true, true)
      for (let at = 0; at < leading; at++) push((time + at) * 40, false, true)
      const places = rest
        .map((_, at) => at)
        .sort((left, right) => ((left * 7 + shuffle) % 5) - ((right * 7 + shuffle) % 5))
      for (const place of places) push((time + leading + 1 + place) * 40, false, rest[place]!)
      time += leading + 1 + rest.length
    }
    return list
  })

t.test('every wanted frame comes out, after all that its packet may refer to', async t => {
  const property = fc.property(packetList, fc.array(fc.nat(60)), (list, wishes) => {
    const order = shownOrder(list)
    const wanted = new Set(wishes.map(wish => wish % order.length))
    const runs = planRuns(list, wanted)
    const shown = new Set(runs.flatMap(run => run.frames))
    const lists = runs.every(({ packets, frames }) => {
      const fed = packets.filter(packet => list.isShown[packet]).map(packet => order.indexOf(packet))
      const isSorted = frames.every((frame, at) => at === 0 || frame > frames[at - 1]!)
      return (
        list.isKey[packets[0]!] &&
        isSorted &&
        fed.length === frames.length &&
        fed.every(frame => frames.includes(frame))
      )
    })
    const complete = runs.every(({ packets }) =>
      packets.every(packet => refersTo(list, packet).every(each => packets.includes(each))),
    )
    return lists && complete && [...wanted].every(frame => shown.has(frame))
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1000, seed: 8 }))
})

/** What precedes it in its group; and of one shown before its group's key packet, the group before. Others refer to none of those. */
function refersTo({ times, isKey }: PacketList, packet: number): number[] {
  const keyOf = (each: number) => isKey.lastIndexOf(true, each)
  const leads = (each: number) => times[each]! < times[keyOf(each)]!
  const key = keyOf(packet)
  const from = leads(packet) && key > 0 ? keyOf(key - 1) : key
  const all = times.map((_, each) => each).filter(each => each >= from && each <= packet)
  return all.filter(each => !leads(each) || (leads(packet) && each >= key))
}

t.test('nothing is decoded that no wanted frame needs', async t => {
  const times = Array.from({ length: 30 }, (_, at) => at * 40)
  const list = { times, isKey: times.map((_, at) => at % 10 === 0), isShown: times.map(() => true) }
  t.same(planRuns(list, new Set([12, 13])), [{ packets: [10, 11, 12, 13], frames: [10, 11, 12, 13] }])
  t.same(
    planRuns(list, new Set([0, 29])).map(run => run.packets.length),
    [1, 10],
  )
  t.same(planRuns(list, new Set()), [])
})

t.test('packets before the first key packet do not count', async t => {
  const list = { times: [0, 40, 80, 120], isKey: [false, false, true, false], isShown: [true, true, true, true] }
  t.same(shownOrder(list), [2, 3])
  t.same(shownOrder({ times: [0], isKey: [false], isShown: [true] }), [])
})
