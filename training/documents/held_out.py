"""Held-out sets: PNG images and labels.jsonl. Seeds from 9000000000000 on are never used in training.

  python -m documents.held_out --out DIR --set small --n 60 --seed 9000000000001

A line of labels.jsonl: image (clips: frames), kind, prompt, schema (JSON Schema), expected (parsed), expected_text
(compact JSON, numbers as printed), questions (plain ones; choices where the answer is one of a few), text.
"""
import argparse
import json
import pathlib

from PIL import Image

from . import clips, phrases
from .alphabet import COLORS, SHAPES
from .answers import encode_json
from .document import LARGE_KINDS, make
from .questions import NESTED_PHRASE, ask_above, ask_field, ask_lines, available
from .rng import Rng
from .schemas import DIRECTIONS, LARGE_SHOWN, SHOWN_KIND, YES_NO, schema_of, schema_of_row
from .small import SMALL_KINDS

FIRST_SEED = 9_000_000_000_000


def question(prompt, expected, choices=None):
    return {"prompt": prompt, "expected": expected} | ({"choices": choices} if choices else {})


def task(prompt, schema, answer, questions):
    return {"prompt": prompt, "schema": schema, "expected": json.loads(answer), "expected_text": answer, "questions": questions}


def ask_kind(index, kind, kinds):
    """The open question with choices, and yes or no in turn."""
    other = kinds[(kinds.index(kind) + 1) % len(kinds)]
    named = kind if index % 2 else other
    article = "an" if named[0] in "aeiou" else "a"
    return [question(phrases.KIND[0], kind, kinds),
            question("Is this %s %s?" % (article, named), "yes" if index % 2 else "no", YES_NO)]


def label_small(rng, index, document):
    """As the benchmark of the first pocket model was labelled, draw for draw."""
    fields = dict(document.fields, kind=document.kind)
    keys = available(document)
    if index % 6 == 5:
        keys = rng.sample(keys, 2) + ["kind"]
    elif index % 6 == 2:
        keys = rng.sample(keys, len(keys))
    answer = encode_json({key: fields[key] for key in keys})
    asked = question(phrases.FIELD[keys[0]][0], str(fields[keys[0]]))
    return task("Extract %s as JSON." % ", ".join(keys), schema_of(keys), answer,
                [asked] + ask_kind(index, document.kind, SMALL_KINDS))


def label_large(rng, index, document):
    """All fields, fields in another order, two fields, or two fields and the nested items."""
    fields, keys = document.fields, available(document)
    if index % 4 == 1:
        keys = rng.sample(keys, len(keys))
    elif index % 4 == 3:
        keys = keys[:2] + (["lines"] if 1 <= len(fields.get("lines", [])) <= 4 else [])
    names = [NESTED_PHRASE if key == "lines" else key for key in keys]
    asked = [ask_field(rng, document)]
    if "lines" in fields:
        asked.append(ask_lines(rng, document))
    questions = [question(*one, choices=YES_NO if one[1] in YES_NO else None) for one in asked]
    if "total" in fields:
        questions.append(question(*ask_above(rng, document), choices=YES_NO))
    return task("Extract %s as JSON." % ", ".join(names), schema_of(keys), encode_json({key: fields[key] for key in keys}),
                questions + ask_kind(index, SHOWN_KIND[document.kind], LARGE_SHOWN))


def label_table(rng, index, document):
    header, rows = document.fields["header"], document.fields["rows"]
    row, other, column = rng.c(rows), rng.c(rows), rng.c(header[1:])
    prompt = phrases.ROW_JSON[0].format(keys=", ".join(header), row=row[header[0]])
    cell = question(phrases.CELL[0].format(column=column, row=other[header[0]]), str(other[column]))
    return task(prompt, schema_of_row(row), encode_json(row),
                [cell, question(phrases.ROW_COUNT[0], str(len(rows)))] + ask_kind(index, "table", LARGE_SHOWN))


def label_chart(rng, index, document):
    bars, colors = document.fields["bars"], document.fields["colors"]
    order = sorted(bars, key=lambda label: int(bars[label]))
    label = rng.c(order)
    asked = [question(phrases.BAR_VALUE[0].format(label=label), str(bars[label])),
             question(phrases.BAR_LARGEST[0], order[-1], list(bars)), question(phrases.BAR_SMALLEST[0], order[0], list(bars)),
             question(phrases.BAR_COUNT[0], str(len(bars))),
             question(phrases.BAR_COLOR[0].format(label=label), colors[label], COLORS)]
    return task(phrases.BAR_JSON[0], schema_of_row(bars), encode_json(bars), asked + ask_kind(index, "chart", LARGE_SHOWN)[:1])


def label_clip(rng, clip):
    if clip.kind == "shape clip":
        asked = [question(put[0], clip.fields[key], choices) for key, put, choices in
                 (("direction", phrases.DIRECTION, DIRECTIONS), ("shape", phrases.SHAPE, SHAPES), ("color", phrases.COLOR, COLORS))]
        keys = ["shape", "color", "direction"]
        return task("Extract %s as JSON." % ", ".join(keys), schema_of(keys),
                    encode_json({key: clip.fields[key] for key in keys}), asked)
    number = rng.c(clip.fields["numbers"])
    name = " at " + number["name"] if len(clip.fields["numbers"]) > 1 else ""
    asked = [question(put[0].format(name=name), str(number[key])) for key, put in
             (("first", phrases.FIRST_NUMBER), ("last", phrases.LAST_NUMBER), ("largest", phrases.LARGEST_NUMBER))]
    keys = ["first", "last"]
    return task(phrases.NUMBER_JSON[0].format(keys=", ".join(keys), name=name), schema_of(keys),
                encode_json({key: number[key] for key in keys}), asked)


def make_document_line(rng, index, kind, folder):
    document = make(rng, kind)
    name = "%03d.png" % index
    Image.fromarray(document.image).save(folder / name, optimize=True)
    labeller = {"table": label_table, "chart": label_chart}.get(kind, label_small if kind in SMALL_KINDS else label_large)
    return {"image": name, "kind": kind} | labeller(rng, index, document) | {"text": document.text}


def make_clip_line(rng, index, kind, folder):
    clip = clips.make(rng, kind)
    names = ["%03d_%d.png" % (index, frame) for frame in range(clip.length)]
    for name, frame in zip(names, clip.frames):
        Image.fromarray(frame).save(folder / name, optimize=True)
    return {"frames": names, "kind": kind} | label_clip(rng, clip)


SETS = {"small": SMALL_KINDS, "large": LARGE_KINDS, "chart": ["chart"], "clips": clips.CLIP_KINDS}


def write_set(folder, name, count, seed):
    """Writes `count` labelled images or clips, the kinds of the set in turn. Throws ValueError for a training seed."""
    if seed < FIRST_SEED:
        raise ValueError("seed %d may have been trained on; held-out seeds start at %d" % (seed, FIRST_SEED))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng, kinds = Rng(seed), SETS[name]
    make_line = make_clip_line if name == "clips" else make_document_line
    with open(folder / "labels.jsonl", "w", encoding="utf-8") as labels:
        for index in range(count):
            labels.write(json.dumps(make_line(rng, index, kinds[index % len(kinds)], folder), ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--set", choices=list(SETS), default="small")
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    write_set(arguments.out, arguments.set, arguments.n, arguments.seed)


if __name__ == "__main__":
    main()
