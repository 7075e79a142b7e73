"""Tables: 3 to 6 rows by 2 to 4 columns under a header, with rules or without."""
from . import words
from .layout import Layout, Run, Stroke
from .words import Number

LEAST_ROW = 17


def count_of(rng):
    return Number(rng.n(0, 99) if rng.p(0.6) else rng.n(100, 999))


# Header words of a column, and what stands below.
COLUMNS = [
    (["Price", "Cost", "PRICE"], words.small_money), (["Qty", "Count", "Stock", "Pcs"], count_of),
    (["City", "Place", "Town"], words.city), (["Code", "ID", "Ref"], words.identifier),
    (["Date", "Day", "Due"], words.date), (["Name", "Owner", "Staff"], lambda rng: words.word(rng, words.FIRST)),
    (["Score", "Points", "Level"], count_of),
]
FIRST_COLUMNS = [
    (["Item", "Product", "Goods"], lambda rng: words.word(rng, words.GOODS)),
    (["Name", "Person", "Guest"], lambda rng: words.word(rng, words.FIRST)),
    (["City", "Place", "Branch"], lambda rng: words.word(rng, words.CITY)), (["Code", "ID", "Ref"], words.identifier),
]


def compose_table(rng):
    """fields: header [names], rows [{column name: value}], and sometimes title. The first column names the rows."""
    row_count, column_count = rng.n(3, 6), rng.n(2, 4)
    first_names, first_make = rng.c(FIRST_COLUMNS)
    header, columns = [rng.c(first_names)], [words.distinct(rng, first_make, row_count)]
    for names, make in rng.sample(COLUMNS, column_count - 1):
        free = [name for name in names if name not in header]
        # A made-up header now and then: the column must be found by reading.
        made_up = words.pseudo_word(rng, 1, 2)
        header.append(made_up if rng.p(0.25) and made_up not in header else rng.c(free))
        columns.append([make(rng) for _ in range(row_count)])
    fields = {"header": header, "rows": [dict(zip(header, values)) for values in zip(*columns)]}
    if rng.p(0.5):
        fields["title"] = words.word(rng, words.SHOP) + " " + words.word(rng, words.GOODS)
    return fields


def column_places(rng, style, cells):
    """(edges [columns + 1], Face), pixels, with the free width shared out, or None where the cells are too wide."""
    room = style.right - style.left
    for size in range(style.base, 11, -1):
        cell_face = style.face(0, size)
        widths = [max(cell_face.width(text, style.spacing) for text in column) + 12 for column in zip(*cells)]
        if sum(widths) <= room:
            spare = (room - sum(widths)) / len(widths) * rng.f(0.3, 1)
            edges = [style.left]
            for width in widths:
                edges.append(edges[-1] + width + spare)
            return edges, cell_face
    return None


def place_table(rng, fields, style):
    """Layout of a table, or None where it does not fit."""
    cells = [fields["header"]] + [list(row.values()) for row in fields["rows"]]
    columns = column_places(rng, style, cells)
    if columns is None:
        return None
    edges, cell_face = columns
    layout = Layout(style.width, style.height, [])
    y = style.top
    if "title" in fields:
        title_face = style.face(1, style.heading_size)
        if title_face.width(fields["title"], 0) > style.right - style.left:
            return None
        layout.runs.append(Run(fields["title"], style.left, y, title_face, 0))
        y += style.heading_size * 1.5 + 4
    most = (style.height - style.top - y) / len(cells)
    least = max(LEAST_ROW, cell_face.size * 1.25 + 2)
    if most < least:
        return None
    row_height = least + (min(most, least * 2) - least) * rng.u()
    y += (most - row_height) * len(cells) * rng.u() * 0.5
    # Numbers may stand at the right edge of their column, all other cells at the left.
    right = [rng.p(0.5) and isinstance(value, Number) for value in fields["rows"][0].values()]
    inset = (row_height - cell_face.size * 1.2) / 2
    for index, row in enumerate(cells):
        for column, text in enumerate(row):
            x = edges[column + 1] - 6 - cell_face.width(text, style.spacing) if right[column] else edges[column] + 6
            layout.runs.append(Run(text, x, y + index * row_height + inset, cell_face, style.spacing))
    layout.strokes = rule_table(rng, edges, y, row_height, len(cells))
    return layout


def rule_table(rng, edges, top, row_height, row_count):
    """Strokes: none, a line under the header, lines under all rows, or a full grid."""
    manner = rng.c(["none", "header", "rows", "grid", "grid"])
    strength, x0, x1 = rng.n(110, 255), int(edges[0]), int(edges[-1])
    ys = [int(top + index * row_height) for index in range(row_count + 1)]
    strokes = []
    if manner != "none":
        marked = {"header": ys[1:2], "rows": ys[1:], "grid": ys}[manner]
        strokes += [Stroke(x0, y, x1, y + 1, strength) for y in marked]
    if manner == "grid":
        strokes += [Stroke(int(x), ys[0], int(x) + 1, ys[-1] + 1, strength) for x in edges]
    return strokes
