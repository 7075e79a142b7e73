import fc from 'fast-check'
import t from 'tap'
import type { ChatTemplate } from '../../runtime/chat/template.js'
import { PromptBuilder } from '../../runtime/engine/prompt-builder.js'
import type { ImageSource } from '../../runtime/protocol/backend.js'
import type { PromptSegment } from '../../runtime/protocol/segment.js'
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.js'
import { ImageKeyTable } from '../../runtime/vision/key.js'
import { planImage } from '../../runtime/vision/plan.js'
import { nextSpec, readImage } from '../support/pictures.js'

const IMAGE = 99

/** Rows depend on the picture's shape. */
const spec = nextSpec('orig', {
  tileSize: 14,
  side: 2,
  featuresPerTile: 4,
  pinpoints: [
    { width: 14, height: 28 },
    { width: 28, height: 14 },
    { width: 28, height: 28 },
  ],
})

/** Characters are tokens; start and end of what was asked for show in the ids. */
const tokenizer = {
  size: 200,
  encodeContinuation: (text: string) => [...text].map(character => character.charCodeAt(0)),
  encodeSegments(segments: readonly PromptSegment[], { addSpecialTokens = true } = {}) {
    const ids = segments.flatMap(segment => {
      if (segment.kind === 'image' || segment.kind === 'video') return [IMAGE]
      return segment.kind === 'tokens' ? segment.ids : tokenizer.encodeContinuation(segment.text)
    })
    return { ids: addSpecialTokens ? [1, ...ids] : ids, imagePositions: [] }
  },
}

function makeBuilder() {
  return new PromptBuilder({
    tokenizer: tokenizer as unknown as Tokenizer,
    template: {} as ChatTemplate,
    spec,
    fingerprint: 'model',
    imageTokenId: IMAGE,
    keys: new ImageKeyTable(),
    pixelLimit: 1_000_000,
    family: 'llava_next',
  })
}

const picture = (name: string): ImageSource => ({ bytes: readImage(name), label: name })
const tall = picture('tall.png')
const photo = picture('photo.jpg')
const turned = picture('turned.jpg')
const sources = [tall, photo, turned]

/** Rows of each of `sources`, by the sizes that their builders find. */
async function rowsOf(images: readonly ImageSource[]): Promise<number[]> {
  const { spans } = await makeBuilder().build({ ids: images.map(() => IMAGE), images })
  return spans.map(span => span.count)
}

t.test('rows follow the plan of each picture', async t => {
  const { pictures, spans } = await makeBuilder().build({ ids: [IMAGE, 5, IMAGE], images: [tall, photo] })
  for (const [index, { plan, label, key }] of pictures.entries()) {
    t.equal(spans[index]!.count, plan.tokens)
    t.equal(spans[index]!.key, key)
    t.match(key, /^[0-9a-f]{32}$/)
    t.equal(label, [tall, photo][index]!.label)
  }
  t.not(spans[0]!.count, spans[1]!.count, 'the two have different shapes')
  t.equal(spans[0]!.count, planImage({ width: 1, height: 19 }, spec).tokens)
})

t.test('whether the places come as one id or expanded: the same elements, spans and pictures', async t => {
  const rows = await rowsOf(sources)
  const part = fc.oneof(
    fc.record({ ids: fc.array(fc.integer({ min: 0, max: 98 }), { maxLength: 3 }) }),
    fc.record({ source: fc.nat(sources.length - 1) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 7 }), async parts => {
      const images = parts.flatMap(part => ('source' in part ? [sources[part.source]!] : []))
      const write = (expand: boolean) =>
        parts.flatMap(part => {
          if ('ids' in part) return part.ids
          return new Array<number>(expand ? rows[part.source]! : 1).fill(IMAGE)
        })
      const builder = makeBuilder()
      const single = await builder.build({ ids: write(false), images })
      const expanded = await builder.build({ ids: write(true), images })
      t.same(expanded, single)

      // Element by element: ids as they stand, and one negative number for each picture.
      const numbers = new Map<string, number>()
      let at = 0
      let span = 0
      for (const part of parts) {
        if ('ids' in part) {
          t.same([...single.elements.subarray(at, at + part.ids.length)], part.ids)
          at += part.ids.length
          continue
        }
        const { key, start, count } = single.spans[span++]!
        const elements = new Set(single.elements.subarray(start, start + count))
        const number = numbers.get(key) ?? [...elements][0]!
        numbers.set(key, number)
        t.match({ start, count, elements }, { start: at, count: rows[part.source]!, elements: new Set([number]) })
        t.ok(number < 0)
        at += count
      }
      t.equal(single.elements.length, at)
      t.equal(new Set(numbers.values()).size, numbers.size)
    }),
    { numRuns: 60 },
  )
})

t.test('places that do not match the pictures are refused with both counts', async t => {
  const [tallRows, photoRows] = await rowsOf([tall, photo])
  const run = (length: number) => new Array<number>(length).fill(IMAGE)
  const wrong = [
    { ids: [1, 2], images: [tall] },
    { ids: [1, IMAGE], images: [] },
    { ids: [IMAGE, 2, IMAGE], images: [tall] },
    { ids: run(tallRows! - 1), images: [tall] },
    { ids: run(tallRows! + 1), images: [tall] },
    // The right number of ids in the wrong runs.
    { ids: [...run(2), 5, ...run(tallRows! - 2)], images: [tall] },
    { ids: [...run(photoRows!), 5, ...run(tallRows!)], images: [tall, photo] },
    // One expanded, the other not.
    { ids: [...run(tallRows!), 5, IMAGE], images: [tall, photo] },
  ]
  for (const prompt of wrong) {
    const placeholders = prompt.ids.filter(id => id === IMAGE).length
    const data = { placeholders, images: prompt.images.length }
    await t.rejects(makeBuilder().build(prompt), { code: 'IMAGE_COUNT_MISMATCH', data })
  }
})

t.test('ids outside the vocabulary are refused', async t => {
  for (const id of [-1, 200, 1.5, Number.NaN]) {
    const refused = { code: 'REQUEST_INVALID', message: new RegExp(`from 0 to 199; ${id} came`) }
    await t.rejects(makeBuilder().build({ ids: [3, id], images: [] }), refused)
  }
})

t.test('equal bytes are one picture, whatever they are called; other bytes are another', async t => {
  const again = { bytes: Uint8Array.from(tall.bytes), label: 'again' }
  const { spans, elements } = await makeBuilder().build({ ids: [IMAGE, IMAGE, IMAGE], images: [tall, again, photo] })
  t.equal(spans[0]!.key, spans[1]!.key)
  t.not(spans[0]!.key, spans[2]!.key)
  t.equal(elements[0], elements[spans[1]!.start])
  t.not(elements[0], elements[spans[2]!.start])
})

t.test('a picture that cannot be read is named', async t => {
  const torn = { bytes: Uint8Array.of(1, 2, 3) }
  const named = { ...torn, label: 'cat.png' }
  await t.rejects(makeBuilder().build({ ids: [IMAGE, IMAGE], images: [photo, torn] }), {
    code: 'IMAGE_UNREADABLE',
    message: /^picture 2 cannot be read/,
  })
  await t.rejects(makeBuilder().build({ ids: [IMAGE], images: [named] }), { message: /^cat\.png cannot be read/ })
})

t.test(
  'a raw prompt begins with the start token unless told not to, and its ending stands in the same text',
  async t => {
    const builder = makeBuilder()
    const parts = [
      { kind: 'text', text: 'ab' },
      { kind: 'image', image: tall },
      { kind: 'generated', text: '?', tokenIds: [7, 8] },
    ] as const
    const bare = [97, 98, IMAGE, 7, 8]
    t.match(builder.encode({ kind: 'raw', parts }), { ids: [1, ...bare], images: [tall] })
    t.match(builder.encode({ kind: 'raw', parts, addSpecialTokens: false }, 'd'), {
      ids: [...bare, 100],
      images: [tall],
    })
    t.match(builder.encode({ kind: 'tokens', ids: [5, 6] }, 'ab'), { ids: [5, 6, 97, 98], images: [] })
  },
)
