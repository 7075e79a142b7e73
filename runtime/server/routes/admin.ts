import type { FastifyInstance, FastifyReply } from 'fastify'
import { Fields, invalid } from '../fields.js'
import { assertOpen, type ServerContext } from '../generation.js'
import { checkIds } from '../token-ids.js'

/** At once: it happens on the thread that serves everybody. */
const MOST_TOKENIZED = 1_000_000

/** What SGLang's servers offer beside generation: model and server facts, cache, aborts, the tokenizer. */
export function adminRoutes(server: FastifyInstance, context: ServerContext): void {
  const { engine, options } = context
  const { model } = engine

  server.get('/get_model_info', async () => ({
    model_path: model.path,
    tokenizer_path: model.path,
    served_model_name: model.name,
    model_type: model.family,
    is_generation: true,
    has_image_understanding: true,
    context_length: model.contextLength,
    vocab_size: model.vocabSize,
    image_token_id: model.imageTokenId,
  }))

  server.get('/get_server_info', async () => {
    const status = engine.status()
    return {
      model_path: model.path,
      served_model_name: model.name,
      context_length: model.contextLength,
      max_total_num_pages: status.pages.total,
      max_running_requests: status.slots.total,
      body_limit: options.bodyLimit,
      fetches_images: options.imageLoader !== undefined,
      internal_states: [status],
    }
  })

  const flush = async (_request: unknown, reply: FastifyReply) => {
    const isFlushed = await engine.flushCache()
    reply.code(isFlushed ? 200 : 400).type('text/plain; charset=utf-8')
    return isFlushed
      ? 'Cache flushed.\n'
      : 'The cache was not flushed: requests are waiting or running. Try again when the server is idle.\n'
  }
  server.get('/flush_cache', flush)
  server.post('/flush_cache', flush)

  server.post('/abort_request', async request => {
    const fields = new Fields(request.body)
    const rid = fields.text('rid')
    const isAll = fields.flag('abort_all') ?? false
    fields.finish(new Set(['abort_message']))
    if (!isAll && (rid === undefined || rid === '')) throw invalid('Send "rid", or "abort_all": true.', 'rid')
    return { aborted: engine.abort(isAll ? '' : rid!) }
  })

  const tokenize = async (request: { readonly body: unknown }) => {
    assertOpen(context)
    const fields = new Fields(request.body)
    const prompts = fields.textOrTexts('prompt') ?? fields.textOrTexts('text')
    const isSingle = typeof (fields.raw('prompt') ?? fields.raw('text')) === 'string'
    fields.requireOn('add_special_tokens', 'the start token is part of every prompt')
    fields.finish(new Set(['model']))
    if (prompts === undefined) throw invalid('"prompt" is missing.', 'prompt')
    const length = prompts.reduce((sum, prompt) => sum + prompt.length, 0)
    if (length > MOST_TOKENIZED)
      throw invalid(`"prompt" has ${length} characters; at most ${MOST_TOKENIZED} are tokenized.`, 'prompt')
    const tokens = prompts.map(prompt => engine.tokenize(prompt))
    const counts = tokens.map(ids => ids.length)
    return {
      tokens: isSingle ? tokens[0] : tokens,
      count: isSingle ? counts[0] : counts,
      max_model_len: model.contextLength,
    }
  }
  server.post('/tokenize', tokenize)
  server.post('/v1/tokenize', tokenize)

  const detokenize = async (request: { readonly body: unknown }) => {
    assertOpen(context)
    const fields = new Fields(request.body)
    const list = fields.list('tokens')
    fields.requireOn('skip_special_tokens', 'special tokens have no text')
    fields.finish(new Set(['model']))
    if (list === undefined) throw invalid('"tokens" is missing.', 'tokens')
    const isBatch = list.length > 0 && Array.isArray(list[0])
    const texts = (isBatch ? list : [list]).map((ids, index) => {
      const param = isBatch ? `tokens[${index}]` : 'tokens'
      return engine.detokenize(checkIds(ids, param, model.vocabSize))
    })
    return { text: isBatch ? texts : texts[0] }
  }
  server.post('/detokenize', detokenize)
  server.post('/v1/detokenize', detokenize)
}
