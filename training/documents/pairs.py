"""Wrong answers that look right, for preference training."""
import json
import re

from .alphabet import COLORS, DIGITS, LOWER, SHAPES, UPPER
from .answers import encode_json
from .large import SERVICES
from .schemas import DIRECTIONS, LARGE_SHOWN, YES_NO
from .small import SMALL_KINDS
from .words import CURRENCIES, Number

CHOICES = [YES_NO, DIRECTIONS, SHAPES, COLORS, CURRENCIES, SERVICES]
EITHER = re.compile(r"(?:larger, |Is )(.+) or (.+?)(?: higher)?\?$")


def alike(rng, character):
    """Another character of the same sort: digit for digit, capital for capital."""
    group = next((group for group in (DIGITS, UPPER, LOWER) if character in group), ".,:-/")
    return rng.c([other for other in group if other != character])


def spoil_text(rng, text):
    """The text with one character changed, dropped, doubled or swapped with its neighbour."""
    index = rng.n(0, len(text) - 1)
    if text[index] == " ":
        return text[:index] + text[index + 1:]
    draw = rng.u()
    if draw < 0.55 or len(text) == 1:
        return text[:index] + alike(rng, text[index]) + text[index + 1:]
    if draw < 0.7:
        return text[:index] + text[index + 1:]
    if draw < 0.85:
        return text[:index] + text[index] + text[index:]
    index = min(index, len(text) - 2)
    return text[:index] + text[index + 1] + text[index] + text[index + 2:]


def is_number(text):
    return re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text) is not None


def spoil_number(rng, text):
    """Another number of about the same length."""
    while True:
        spoiled = spoil_text(rng, text)
        if spoiled != text and is_number(spoiled):
            return spoiled


def spoil_choice(rng, question, answer):
    """The wrong one of a closed set, or None where the answer is of none."""
    either = EITHER.search(question)
    if either and answer in either.groups():
        return next((choice for choice in either.groups() if choice != answer), None)
    kinds = SMALL_KINDS if "price tag" in question or answer == "price tag" else LARGE_SHOWN
    for choices in CHOICES + [kinds]:
        if answer in choices:
            return rng.c([choice for choice in choices if choice != answer])
    return None


def spoil_value(rng, value):
    """A JSON value changed in one place."""
    if isinstance(value, list):
        index = rng.n(0, len(value) - 1)
        return value[:index] + [spoil_value(rng, value[index])] + value[index + 1:]
    if isinstance(value, dict):
        return spoil_record(rng, value)
    if isinstance(value, Number):
        return Number(spoil_number(rng, value))
    return spoil_choice(rng, "", value) or spoil_text(rng, value)


def spoil_record(rng, record):
    """A JSON object with one value changed, two values swapped, or a key missing."""
    keys = list(record)
    draw = rng.u()
    if len(keys) > 1 and draw < 0.15:
        dropped = rng.c(keys)
        return {key: value for key, value in record.items() if key != dropped}
    if len(keys) > 1 and draw < 0.35:
        first, second = rng.sample(keys, 2)
        # Only values of one JSON type change places: a schema must not give the wrong answer away.
        if type(record[first]) is type(record[second]):
            return record | {first: record[second], second: record[first]}
    key = rng.c(keys)
    value = spoil_choice(rng, "price tag", record[key]) if key == "kind" else spoil_value(rng, record[key])
    return record | {key: value}


def spoil(rng, question, answer):
    """A plausible wrong answer, never equal to the right one. JSON stays JSON. Throws ValueError for an empty answer."""
    if not answer:
        raise ValueError("an empty answer has no wrong neighbour: give the text of an answer")
    spoiled = answer
    while spoiled == answer or not spoiled:
        if answer[0] == "{":
            record = json.loads(answer, parse_float=Number, parse_int=Number)
            spoiled = encode_json(spoil_record(rng, record))
        else:
            spoiled = spoil_choice(rng, question, answer)
            if spoiled is None:
                spoiled = spoil_number(rng, answer) if is_number(answer) else spoil_text(rng, answer)
    return spoiled
