export type HelpTopic = 'radiant' | 'extract' | 'serve' | 'model'

const ENGINE_FLAGS = `  --model MODEL            checkpoint folder, org/name on a hub, or the embedded pocket (default: pocket)
  --offline                fetch no model; one from a hub must be in the cache
  --precision NAME         float32, int8, int8x8 or int4 (default: float32)
  --image-profile NAME     orig or hf: whose way of cutting and packing pictures (default: the checkpoint's)
  --image-aspect NAME      square cuts the middle out, pad shows all, hd tiles it (default: the checkpoint's)
  --chat-template NAME     a built-in template, such as vicuna_v1 (default: the checkpoint's)
  --threads N              threads of the decoder (default: all cores, at most 8)
  --context-length N       most tokens of prompt and answer (default: the model's)
  --kv-cache-mib N         memory for keys and values (default: by model and machine, 1024 at least)`

export const HELP: Readonly<Record<HelpTopic, string>> = {
  radiant: `radiant: structured generation from pictures

  radiant extract IMAGE... --schema FILE    read pictures into JSON
  radiant serve                             OpenAI- and SGLang-compatible HTTP server
  radiant model check [MODEL]               load a model and try it
  radiant --version

"radiant COMMAND --help" tells more.

Example:
  radiant extract receipt.png --schema receipt.schema.json
`,
  extract: `radiant extract IMAGE... --schema FILE [options]

Reads each picture into a JSON value that the schema allows. One picture: the value on stdout. Several, or a
folder (its pictures, by name): a line {"image", "value", "finish"} for each, in order. Exit status: 0 when all
went well, 1 when a picture failed, 2 for wrong usage or a schema that cannot be enforced, 130 after Ctrl-C.

  --schema FILE            JSON Schema of the value (required)
  --prompt TEXT            what to ask (default: "Extract KEYS as JSON." with the schema's properties)
  --out FILE.jsonl         append the lines to a file; pictures that have a value in it are skipped
  --property-order ORDER   schema or any (default: schema)
  --whitespace STYLE       compact, spaced, or indent:N for one picture (default: compact)
  --unsupported POLICY     refuse a schema that cannot be enforced in full, or validate afterwards (default: refuse)
  --max-tokens N           most tokens of a value; a longer one is closed early, "finish" says length (default: 512)
  --concurrency N          pictures at a time (default: 16)
${ENGINE_FLAGS}

Examples:
  radiant extract receipt.png --schema receipt.schema.json
  radiant extract scans/ --schema receipt.schema.json --out receipts.jsonl
  radiant extract a.png b.png --schema s.json --prompt "Extract total as JSON." | jq .value.total
`,
  serve: `radiant serve [options]

Serves the OpenAI API under /v1 and SGLang's /generate. Ctrl-C lets running requests end; a second one stops at once.

  --host HOST              address to listen on (default: 127.0.0.1)
  --port N                 port; 0 takes a free one (default: 8080)
  --api-key-file FILE      clients must send the key in this file as a bearer token
  --body-limit-mib N       largest request body (default: 64)
  --max-running N          requests that run at once (default: 16, fewer when memory holds fewer)
  --max-waiting N          requests that may wait (default: 10000)
  --drain-seconds N        how long running requests may go on after Ctrl-C (default: 30)
  --image-urls             fetch pictures given by http(s) URL
  --image-folder DIR       open pictures given by path, inside this folder only
  --log                    one line on stderr for each response
${ENGINE_FLAGS}

Examples:
  radiant serve
  radiant serve --model ./llava-1.5-7b --precision int8 --host 0.0.0.0 --api-key-file key.txt
  curl localhost:8080/generate -H 'content-type: application/json' -d '{"text": "USER: hello ASSISTANT:"}'
`,
  model: `radiant model check [MODEL] [options]

Tells what a model is, what its pictures take of the context and what it takes of the memory at each precision; compares
what it computes with plain arithmetic, in one pass with in pieces, and with the numbers of a golden.json in its folder
(seconds, for large models minutes); then generates a token about a small picture, and once more from the cache.

  --picture SIZES          tell the tokens of pictures of these sizes: 1024x768, or several with commas
  --frames N               tell the tokens of a clip of so many frames
${ENGINE_FLAGS}

Example:
  radiant model check ./llava-1.5-7b
  radiant model check llava-hf/llava-1.5-7b-hf --picture 1024x768,640x480
`,
}
