"""Bar charts: 3 to 5 bars with labels below, and their values printed above them or read off an axis."""
from . import words
from .alphabet import COLORS, LOWER, DIGITS
from .fonts import face, font_paths
from .layout import Figure, Layout, Run, Stroke
from .words import Number

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()


def short_label(rng):
    draw = rng.u()
    if draw < 0.2:
        return rng.c(MONTHS + DAYS)
    if draw < 0.3:
        return "Q%d" % rng.n(1, 4)
    if draw < 0.4:
        return "20" + rng.c("123") + rng.c(DIGITS)
    return "".join(rng.c(LOWER) for _ in range(rng.n(2, 4))).capitalize()


def long_label(rng):
    return words.word(rng, rng.c([words.CITY, words.FIRST, words.GOODS]))[:8] if rng.p(0.7) else short_label(rng)


def compose_chart(rng, wide):
    """fields: bars {label: value}, colors {label: color}, title maybe, and axis: step of the axis or 0.

    With an axis, values are whole or half steps, because nothing finer can be read off.
    """
    count = rng.n(3, 5) if wide else rng.n(3, 4)
    labels = words.distinct(rng, long_label if wide else short_label, count)
    step = rng.c([1, 2, 5, 10, 20]) if rng.p(0.3) else 0
    if step:
        halves = rng.sample(range(1, 11), count) if step > 1 and step % 2 == 0 else [2 * n for n in rng.sample(range(1, 6), count)]
        values = [half * step // 2 for half in halves]
    else:
        top = rng.c([9, 20, 50, 100, 100, 500])
        values = rng.sample(range(max(1, top // 20), top + 1), count)
    one = rng.c(COLORS)
    colors = [one] * count if rng.p(0.35) else rng.sample(COLORS, count)
    fields = {"bars": {label: Number(value) for label, value in zip(labels, values)},
              "colors": dict(zip(labels, colors)), "axis": step}
    if rng.p(0.5):
        fields["title"] = words.word(rng, words.GOODS) if not wide or rng.p(0.4) else words.product(rng)
    return fields


def place_chart(rng, fields, side):
    """Layout of side x side pixels, or None where the labels do not fit below the bars."""
    last = len(font_paths()) - 1
    size = rng.n(12, 14) if side <= 168 else rng.n(12, 17)
    chart_face = face(rng.n(0, last), size)
    least = side // 28
    left, right, bottom, top = (rng.n(least, least + 8) for _ in range(4))
    right, bottom = side - right, side - bottom
    layout = Layout(side, side, [])
    if "title" in fields:
        title_face = face(rng.n(0, last), size + rng.n(0, 3))
        width = title_face.width(fields["title"])
        if width > right - left:
            return None
        layout.runs.append(Run(fields["title"], left + (right - left - width) * rng.c([0, 0.5]), top, title_face, 0))
        top += title_face.size * 1.3 + 4
    floor = int(bottom - size * 1.5)
    if fields["axis"]:
        left, scale = add_axis(rng, layout, fields, chart_face, (left, right, int(top + size), floor))
    else:
        scale = (floor - top - size * 1.4) / max(int(value) for value in fields["bars"].values())
    slot = (right - left) / len(fields["bars"])
    if max(chart_face.width(text) for text in list(fields["bars"]) + list(fields["bars"].values())) > slot - 4:
        return None
    add_bars(rng, layout, fields, chart_face, left, slot, floor, scale)
    if rng.p(0.7):
        layout.strokes.append(Stroke(int(left), floor, int(right), floor + 1, 255))
    return layout


def add_axis(rng, layout, fields, axis_face, area):
    """Puts gridlines and their numbers on the page; (left edge of the bars, pixels per unit)."""
    left, right, top, floor = area
    steps = -(-max(int(value) for value in fields["bars"].values()) // fields["axis"])
    texts = [str(index * fields["axis"]) for index in range(steps + 1)]
    # Where numbers would touch, every second is left out; the lines stay.
    every = 1 if (floor - top) / steps >= axis_face.size * 1.25 else 2
    margin = max(axis_face.width(text) for text in texts)
    scale = (floor - top) / (steps * fields["axis"])
    strength = rng.n(60, 150)
    for index in reversed(range(0, steps + 1)):
        y = floor - index * fields["axis"] * scale
        if index % every == 0:
            layout.runs.append(Run(texts[index], left + margin - axis_face.width(texts[index]), y - axis_face.ascent * 0.62,
                                   axis_face, 0))
        layout.strokes.append(Stroke(int(left + margin + 4), int(y), right, int(y) + 1, strength))
    return left + margin + 6, scale


def add_bars(rng, layout, fields, chart_face, left, slot, floor, scale):
    """Puts bars, labels below and, where there is no axis, values above on the page."""
    share = rng.f(0.45, 0.8)
    label_y = floor + 3
    labels = []
    for index, (label, value) in enumerate(fields["bars"].items()):
        middle = left + slot * (index + 0.5)
        top = min(floor - 2, int(floor - int(value) * scale + 0.5))
        half = slot * share / 2
        layout.figures.append(Figure(fields["colors"][label] + " bar", int(middle - half), top, int(middle + half), floor))
        if not fields["axis"]:
            layout.runs.append(Run(value, middle - chart_face.width(value) / 2, top - chart_face.ascent - 2, chart_face, 0))
        labels.append(Run(label, middle - chart_face.width(label) / 2, label_y, chart_face, 0))
    layout.runs += labels
