"""Answers in JSON: compact, keys in the asked order, numbers as printed."""
import json

from .words import Number


def encode_json(value):
    """Compact JSON; words.Number and int without quotes, other strings with."""
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key, ensure_ascii=False) + ":" + encode_json(inner) for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(encode_json(inner) for inner in value) + "]"
    if isinstance(value, (int, Number)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
