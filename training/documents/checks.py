"""What must hold of every document; run by the tests on hundreds of each kind."""
import json

import numpy as np

from .alphabet import CHARACTERS, COLORS, FIGURE_CLASS
from .answers import encode_json
from .large import BOXES
from .questions import sample_questions
from .rng import Rng
from .schemas import FIELDS, LARGE_SHOWN, PROPERTIES, YES_NO
from .small import SMALL_KINDS
from .words import Number


def printed_values(document):
    """Texts of the fields that must be printed."""
    fields = document.fields
    for key, value in fields.items():
        if key == "lines":
            yield from (text for item in value for text in item.values())
        elif key == "header":
            yield from value
        elif key == "rows":
            yield from (text for row in value for text in row.values())
        elif key == "bars":
            yield from value
            if not fields["axis"]:
                yield from value.values()
        elif key == "currency" and document.kind == "price tag":
            continue                                 # a symbol may stand for it
        elif key not in BOXES and key not in ("colors", "axis"):
            yield str(value)


def check_text(document):
    for value in printed_values(document):
        if value not in document.text:
            raise ValueError("%s: %r is a field, but the text is %r" % (document.kind, value, document.text))
    classes = [CHARACTERS[index - 1] for index in document.characters.classes]
    if "".join(classes) != "".join(split_runs(document)):
        raise ValueError("%s: characters %r differ from the text" % (document.kind, "".join(classes)))


def split_runs(document):
    """Characters of the text without the line ends and the blanks between runs."""
    position = 0
    for index, start in enumerate(document.characters.starts):
        if start and index:
            position += 1
        yield document.text[position]
        position += 1


def check_places(document):
    x, y = document.characters.x, document.characters.y
    if not ((x >= 0) & (x < document.width) & (y >= 0) & (y < document.height)).all():
        raise ValueError("%s: a character's centre is outside the image" % document.kind)
    boxes = document.boxes
    for index, box in enumerate(boxes):
        rest = boxes[index + 1:]
        meets = (rest[:, 0] < box[2]) & (rest[:, 2] > box[0]) & (rest[:, 1] < box[3]) & (rest[:, 3] > box[1])
        if meets.any():
            raise ValueError("%s: run %d lies over run %d" % (document.kind, index, index + 1 + int(np.flatnonzero(meets)[0])))


def check_figures(document):
    fields, wanted = document.fields, set()
    if document.kind == "chart":
        wanted = {FIGURE_CLASS[color + " bar"] for color in fields["colors"].values()}
    for key in BOXES:
        if key in fields:
            wanted.add(FIGURE_CLASS["ticked box" if fields[key] == "yes" else "empty box"])
    seen = set() if document.figures is None else set(np.unique(document.figures).tolist()) - {0}
    if seen != wanted:
        raise ValueError("%s: figures %s on the map, %s in the fields" % (document.kind, sorted(seen), sorted(wanted)))


def listings(fields):
    """Every list that a plain question may ask for: columns, rows and bars, read in order."""
    rows, bars = fields.get("rows", []), fields.get("bars", {})
    lists = [fields.get("header", []), bars, bars.values(), fields.get("colors", {}).values()]
    lists += [row.values() for row in rows] + [[row[name] for row in rows] for name in fields.get("header", [])]
    return [", ".join(str(value) for value in listed) for listed in lists]


def check_answer(document, question, answer):
    """JSON holds true fields; a plain answer is printed, or of a closed set, or a count."""
    fields = dict(document.fields, kind=document.kind)
    if answer.startswith("{"):
        record = json.loads(answer, parse_float=Number, parse_int=Number)
        sources = document.fields.get("rows") or [document.fields.get("bars") or fields]
        if not any(all(key in source and encode_json(value) == encode_json(source[key]) for key, value in record.items())
                   for source in sources):
            raise ValueError("%s: %r is answered by %r, which the fields do not hold" % (document.kind, question, answer))
        return
    closed = YES_NO + COLORS + SMALL_KINDS + LARGE_SHOWN
    counts = [str(len(document.fields.get(key, ()))) for key in ("lines", "rows", "bars")]
    values = list(fields.get("bars", {}).values())
    if answer not in closed + counts + values + listings(fields) + [fields.get("currency")] and answer not in document.text:
        raise ValueError("%s: %r is answered by %r, which is not printed" % (document.kind, question, answer))


def check(document, seed=0):
    """Throws ValueError where fields, text, places, figures or questions of a document contradict each other."""
    check_text(document)
    check_places(document)
    check_figures(document)
    for key in FIELDS[document.kind]:
        if key not in PROPERTIES:
            raise ValueError("%s: field %r has no schema" % (document.kind, key))
    for question, answer in sample_questions(Rng(seed), document, 1.0, 3, 1.0):
        check_answer(document, question, answer)
