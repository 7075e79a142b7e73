/** The packets of a video track in the order of decoding. */
export interface PacketList {
  /** When each packet's frame is shown; any unit. */
  readonly times: readonly number[]
  /** Whether decoding can begin at the packet. */
  readonly isKey: readonly boolean[]
  /** false: the packet is for reference alone and yields no frame. */
  readonly isShown: readonly boolean[]
}

/** Packets that go through one decoder, and the frames that come out, by ordinal among all frames in the order of showing. */
export interface FrameRun {
  readonly packets: readonly number[]
  readonly frames: readonly number[]
}

/** Packets whose frames are shown, in that order. Those before the first key packet cannot be decoded and do not count. */
export function shownOrder({ times, isKey, isShown }: PacketList): number[] {
  const first = isKey.indexOf(true)
  if (first < 0) return []
  return times
    .map((_, packet) => packet)
    .filter(packet => isShown[packet] && packet >= first && !(times[packet]! < times[first]!))
    .sort((left, right) => times[left]! - times[right]! || left - right)
}

/**
 * The least that must be decoded for the wanted frames. Decoding begins at key packets; a packet that follows a key
 * packet and is shown before it refers to what came before that key packet, so those need the stretch before as well.
 */
export function planRuns(list: PacketList, wanted: ReadonlySet<number>): FrameRun[] {
  const { times, isKey } = list
  const ordinals = new Map(shownOrder(list).map((packet, ordinal) => [packet, ordinal]))
  const isWanted = (packet: number) => wanted.has(ordinals.get(packet) ?? -1)
  const keys = times.map((_, packet) => packet).filter(packet => isKey[packet])
  const ends = [...keys.slice(1), times.length]
  const leads = (packet: number, stretch: number) => times[packet]! < times[keys[stretch]!]!

  const needed = keys.map(() => false)
  for (const [stretch, key] of keys.entries()) {
    for (let packet = key; packet < ends[stretch]!; packet++) {
      if (!isWanted(packet)) continue
      needed[stretch] = true
      if (leads(packet, stretch) && stretch > 0) needed[stretch - 1] = true
    }
  }

  const runs: number[][] = []
  for (const [stretch, key] of keys.entries()) {
    if (!needed[stretch]) continue
    const isFirst = stretch === 0 || !needed[stretch - 1]
    if (isFirst) runs.push([])
    for (let packet = key; packet < ends[stretch]!; packet++) {
      if (!isFirst || !leads(packet, stretch)) runs.at(-1)!.push(packet)
    }
  }
  return runs.map(run => {
    const packets = run.slice(0, run.findLastIndex(isWanted) + 1)
    const frames = packets.flatMap(packet => ordinals.get(packet) ?? []).sort((left, right) => left - right)
    return { packets, frames }
  })
}
