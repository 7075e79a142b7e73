/** The `data:` fields of server-sent events, in order; throws on anything else in the stream. */
export function readEvents(payload: string): string[] {
  const blocks = payload.split('\n\n')
  if (blocks.pop() !== '') throw new Error('the stream does not end with an empty line')
  return blocks.map(block => {
    if (!block.startsWith('data: ') || block.includes('\n')) throw new Error(`not an event: ${block}`)
    return block.slice('data: '.length)
  })
}
