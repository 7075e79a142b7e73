"""Questions about a document, and their answers."""
from . import phrases, words
from .alphabet import COLORS
from .answers import encode_json
from .large import BOXES, cents
from .schemas import FIELDS, LARGE_SHOWN, SHOWN_KIND
from .small import SMALL_KINDS

NESTED_PHRASE = "lines (name, price)"


def available(document):
    """Keys of the fields that can be asked for."""
    return [key for key in FIELDS[document.kind] if key in document.fields]


def ask_fields(rng, document):
    """JSON of all or some of the fields."""
    fields = dict(document.fields, kind=document.kind)
    keys = available(document)
    if not rng.p(0.4):
        keys = rng.sample(keys, rng.n(1, len(keys)))
    if document.kind in SMALL_KINDS and rng.p(0.1):
        keys.insert(rng.n(0, len(keys)), "kind")
    names = list(keys)
    if len(fields.get("lines", [])) in (1, 2, 3, 4) and rng.p(0.2):
        # Nested answers are long: few other keys beside them.
        keys, names = keys[:2] + ["lines"], names[:2] + [NESTED_PHRASE]
    return rng.c(phrases.JSON).format(keys=", ".join(names)), encode_json({key: fields[key] for key in keys})


def ask_row(rng, document):
    """JSON of one row of a table, without the column that names it."""
    header = document.fields["header"]
    row = rng.c(document.fields["rows"])
    keys = header if rng.p(0.4) else rng.sample(header[1:], rng.n(1, len(header) - 1))
    question = rng.c(phrases.ROW_JSON).format(keys=", ".join(keys), row=row[header[0]])
    return question, encode_json({key: row[key] for key in keys})


def ask_bars(rng, document):
    """JSON of all or some of the bars."""
    bars = document.fields["bars"]
    if rng.p(0.6):
        return rng.c(phrases.BAR_JSON), encode_json(bars)
    labels = rng.sample(list(bars), rng.n(1, len(bars)))
    return rng.c(phrases.JSON).format(keys=", ".join(labels)), encode_json({label: bars[label] for label in labels})


def ask_json(rng, document):
    """(question, answer in JSON)."""
    ask = {"table": ask_row, "chart": ask_bars}.get(document.kind, ask_fields)
    return ask(rng, document)


def ask_small(rng, document):
    draw, fields, kind = rng.u(), document.fields, document.kind
    if draw < 0.6:
        key = rng.c(list(fields))
        return rng.c(phrases.FIELD[key]), str(fields[key])
    if draw < 0.7:
        return rng.c(phrases.KIND), kind
    if draw < 0.8:
        return phrases.SMALL_CHOICE, kind
    if draw < 0.9 or kind != "price tag":
        other = kind if rng.p(0.5) else rng.c(SMALL_KINDS)
        return "Is this a %s?" % other, "yes" if other == kind else "no"
    currency = fields["currency"] if rng.p(0.5) else rng.c(words.CURRENCIES)
    return "Is the currency %s?" % currency, "yes" if currency == fields["currency"] else "no"


def ask_kind(rng, document):
    """What the document is: open, as a choice, or yes or no."""
    kind = SHOWN_KIND[document.kind]
    draw = rng.u()
    if draw < 0.35:
        return rng.c(phrases.KIND), kind
    if draw < 0.65:
        return rng.c(phrases.LARGE_CHOICE), kind
    other = kind if rng.p(0.5) else rng.c(LARGE_SHOWN)
    return "Is this %s %s?" % ("an" if other[0] in "aeiou" else "a", other), "yes" if other == kind else "no"


def ask_whether(rng, document):
    """Is the document of a kind: yes or no."""
    kind = SHOWN_KIND[document.kind]
    other = kind if rng.p(0.5) else rng.c(SMALL_KINDS if document.kind in SMALL_KINDS else LARGE_SHOWN)
    return "Is this %s %s?" % ("an" if other[0] in "aeiou" else "a", other), "yes" if other == kind else "no"


def ask_above(rng, document):
    """Is the total above a round amount: half of the time yes."""
    total = cents(document.fields["total"])
    factor = rng.f(0.3, 0.9) if rng.p(0.5) else rng.f(1.1, 2)
    unit = 1000 if total > 5000 else 500 if total > 1500 else 100
    amount = max(unit, int(total * factor / unit) * unit)
    return rng.c(phrases.ABOVE).format(amount=amount // 100), "yes" if total > amount else "no"


def ask_field(rng, document):
    key = rng.c(available(document))
    if key in BOXES:
        return rng.c(phrases.TICKED).format(name=BOXES[key]), document.fields[key]
    return rng.c(phrases.FIELD[key]), str(document.fields[key])


def ask_lines(rng, document):
    """About one printed item, or their count."""
    lines = document.fields["lines"]
    if rng.p(0.15):
        return rng.c(phrases.LINE_COUNT), str(len(lines))
    item = rng.c(lines)
    return rng.c(phrases.PRICE_OF).format(name=item["name"]), str(item["price"])


def ask_table(rng, document):
    header, rows = document.fields["header"], document.fields["rows"]
    draw = rng.u()
    if draw < 0.5:
        row, column = rng.c(rows), rng.c(header[1:])
        return rng.c(phrases.CELL).format(column=column, row=row[header[0]]), str(row[column])
    if draw < 0.65:
        row = rng.c(rows)
        return rng.c(phrases.READ_ROW).format(row=row[header[0]]), ", ".join(str(value) for value in row.values())
    if draw < 0.8:
        column = rng.c(header)
        return rng.c(phrases.READ_COLUMN).format(column=column), ", ".join(str(row[column]) for row in rows)
    if draw < 0.9:
        return rng.c(phrases.ROW_COUNT), str(len(rows))
    return rng.c(phrases.COLUMN_NAMES), ", ".join(header)


def ask_chart(rng, document):
    bars, colors = document.fields["bars"], document.fields["colors"]
    order = sorted(bars, key=lambda label: int(bars[label]))
    if rng.p(0.25):
        put, values = rng.c([(phrases.BAR_LABELS, bars), (phrases.BAR_VALUES, bars.values()), (phrases.BAR_COLORS, colors.values())])
        return rng.c(put), ", ".join(str(value) for value in values)
    draw = rng.u()
    if draw < 0.35:
        label = rng.c(order)
        return rng.c(phrases.BAR_VALUE).format(label=label), str(bars[label])
    if draw < 0.5:
        return rng.c(phrases.BAR_LARGEST), order[-1]
    if draw < 0.65:
        return rng.c(phrases.BAR_SMALLEST), order[0]
    if draw < 0.75:
        return rng.c(phrases.BAR_COUNT), str(len(bars))
    if draw < 0.88:
        first, second = rng.sample(order, 2)
        larger = first if int(bars[first]) > int(bars[second]) else second
        return rng.c(phrases.EITHER).format(first=first, second=second), larger
    label = rng.c(order)
    return rng.c(phrases.BAR_COLOR).format(label=label), colors[label]


def ask_plain(rng, document):
    """(question, answer in plain words)."""
    fields = document.fields
    if document.kind in SMALL_KINDS:
        return ask_small(rng, document)
    if rng.p(0.15):
        return ask_kind(rng, document)
    if document.kind in ("table", "chart"):
        if "title" in fields and rng.p(0.1):
            return ask_field(rng, document)
        return (ask_table if document.kind == "table" else ask_chart)(rng, document)
    if "total" in fields and rng.p(0.12):
        return ask_above(rng, document)
    if "lines" in fields and rng.p(0.35):
        return ask_lines(rng, document)
    return ask_field(rng, document)


def sample_questions(rng, document, ocr=0.5, json_count=2, plain=1.0):
    """[(question, answer)] in random order: reading all text with probability `ocr`, `json_count` for JSON, a plain one
    with probability `plain`; more than one where `plain` is above 1.
    """
    asked = []
    if rng.p(ocr):
        asked.append((phrases.ALL_TEXT, document.text))
    asked += [ask_json(rng, document) for _ in range(json_count)]
    whole = int(plain)
    asked += [ask_plain(rng, document) for _ in range(whole + rng.p(plain - whole))]
    return rng.sample(asked, len(asked))
