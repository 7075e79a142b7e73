"""Byte tokens: <unk> 0, <s> 1, </s> 2, <pad> 3, <image> 4, byte b -> 5 + b, <video> 261, unused up to the vocabulary."""

UNKNOWN, BEGIN, END, PAD, IMAGE = 0, 1, 2, 3, 4
SPECIALS = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
FIRST_BYTE = 5
VIDEO = FIRST_BYTE + 256

# In front of every picture; behind it, a question that begins a line.
PREFIX_TEXT = "USER: "
FORKED, NEXT_TURN = "\n", "USER: "
ASK = " ASSISTANT: "


def encode(text):
    return [FIRST_BYTE + byte for byte in text.encode("utf-8")]


def decode(ids):
    return bytes(i - FIRST_BYTE for i in ids if FIRST_BYTE <= i < FIRST_BYTE + 256).decode("utf-8", "replace")


PREFIX = [BEGIN] + encode(PREFIX_TEXT)
