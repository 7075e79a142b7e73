import fc from 'fast-check'
import t from 'tap'
import { EngineError } from '../../runtime/protocol/error.js'
import {
  engineError,
  eventLine,
  packRequest,
  parseLine,
  requestOf,
  unpackRequest,
  WIRE_VERSION,
  wireError,
} from '../../runtime/protocol/wire.js'

const request = {
  id: 'a',
  prompt: { kind: 'raw', parts: [{ kind: 'image', image: { bytes: new Uint8Array([1, 2, 255]) } }] },
  sampling: { maxTokens: 3, seed: 2 ** 31 - 1, temperature: 0.25, logitBias: { 7: -1.5 } },
}

t.test('a request survives msgpack, pictures as bytes', async t => {
  const unpacked = unpackRequest(packRequest({ ...request, priority: undefined }))
  t.same(unpacked, request)
  t.notOk('priority' in (unpacked as object), 'what is not set is not sent')
})

t.test('any plain value survives', async t => {
  const law = fc.property(fc.jsonValue(), value => {
    const plain = JSON.parse(JSON.stringify(value))
    t.same(unpackRequest(packRequest({ plain })), { plain })
  })
  t.doesNotThrow(() => fc.assert(law, { numRuns: 50 }))
})

t.test('JSON may be sent instead, with bytes in base64', async t => {
  const message = {
    version: WIRE_VERSION,
    request: { ...request, prompt: { kind: 'raw', parts: [{ kind: 'image', image: { bytes: { $bytes: 'AQL/' } } }] } },
  }
  t.same(requestOf(JSON.parse(JSON.stringify(message))), request)
})

t.test('other versions and what is no message are refused', async t => {
  t.throws(() => requestOf({ version: 99, request: {} }), {
    code: 'WIRE_INVALID',
    message: `The message cannot be read: it is of version 99; this engine speaks version ${WIRE_VERSION}.`,
  })
  for (const value of [null, 7, 'x', {}, []]) t.throws(() => requestOf(value), { code: 'WIRE_INVALID' })
  t.throws(() => unpackRequest(new Uint8Array([0x81])), { code: 'WIRE_INVALID', message: /it is no msgpack: / })
  t.throws(() => unpackRequest(new Uint8Array()), { code: 'WIRE_INVALID' })
  t.throws(() => parseLine('{'), { code: 'WIRE_INVALID', message: /it is no JSON: / })
  t.throws(() => parseLine('7'), { code: 'WIRE_INVALID', message: /7 is no JSON object\.$/ })
})

t.test('an error is the same on the other side', async t => {
  const error = new EngineError('REQUEST_TOO_LONG', { promptTokens: 9, imageTokens: 3, contextLength: 8 })
  const line = parseLine(eventLine({ error: wireError(error) }))
  const copy = engineError(line.error as object)
  t.match(copy, { code: error.code, message: error.message, data: error.data, status: 400 })
  t.match(engineError({ code: 'NEWER', message: 'It is new.' }), {
    code: 'ENGINE_FAILED',
    message: /NEWER: It is new\./,
  })
  t.match(engineError({}), { code: 'ENGINE_FAILED', message: /unknown error: no message/ })
})
