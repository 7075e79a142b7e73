"""tokenizer.json and the chat template of the pocket models: one token per byte, no merges."""
from tokens import FIRST_BYTE, SPECIALS, VIDEO

# Pictures and clips stand in front of the text of their message.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + ' ' }}"
    "{% elif message['role'] == 'user' %}{{ 'USER: ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' or part['type'] == 'image_url' %}{{ '<image>\n' }}"
    "{% elif part['type'] == 'video' %}{{ '<video>\n' }}{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}{{ ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}{{ '</s>' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT: ' }}{% endif %}"
)


def byte_characters():
    """{byte: the character that stands for it in byte-level vocabularies (GPT-2's table)}."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def vocabulary(size):
    """({token: id}, special tokens)."""
    ids = {token: i for i, token in enumerate(SPECIALS)}
    characters = byte_characters()
    ids |= {characters[byte]: FIRST_BYTE + byte for byte in range(256)}
    extra = ["<video>"] + ["<extra_%d>" % n for n in range(size - VIDEO - 1)]
    ids |= {token: VIDEO + n for n, token in enumerate(extra)}
    return ids, SPECIALS + extra


def tokenizer_json(size):
    ids, specials = vocabulary(size)
    added = [dict(id=ids[token], content=token, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
             for token in specials]
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    sequence = lambda name: {"Sequence": {"id": name, "type_id": 0}}
    post = dict(type="TemplateProcessing", single=[begin, sequence("A")], pair=[begin, sequence("A"), begin, sequence("B")],
                special_tokens={"<s>": {"id": "<s>", "ids": [ids["<s>"]], "tokens": ["<s>"]}})
    model = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                 fuse_unk=False, byte_fallback=False, ignore_merges=False, vocab=ids, merges=[])
    return dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None,
                pre_tokenizer=byte_level, post_processor=post, decoder=byte_level, model=model)
