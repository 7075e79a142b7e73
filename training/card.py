"""The accuracy tables of a model card, from the counts that `npm run accuracy -- --into accuracy.json` keeps.

  card.py --model ../models/pocket-v1          # writes them into README.md between its two marks
"""
import argparse
import json
import os

BEGIN, END = "<!-- accuracy: begin, written by training/card.py -->", "<!-- accuracy: end -->"
SETS = ["small", "large", "chart", "clips"]
COLUMNS = {"float32": "under the schema", "free": "free", "int8": "schema, int8"}


def share(count):
    return "%.1f %% (%d/%d)" % (100 * count["right"] / count["all"], count["right"], count["all"]) if count else "not measured"


def table(counts, name):
    columns = [counts.get("%s-%s" % (name, column), {}) for column in COLUMNS]
    rows = sorted({row for column in columns for row in column})
    lines = ["**%s**" % name, "", "| | %s |" % " | ".join(COLUMNS.values()), "| --- |" + " --- |" * len(COLUMNS)]
    lines += ["| %s | %s |" % (row, " | ".join(share(column.get(row)) for column in columns)) for row in rows]
    return "\n".join(lines)


def written(card, tables):
    """The card with the tables between its marks. Throws ValueError for a card without marks."""
    if BEGIN not in card or END not in card:
        raise ValueError("the card has no line %r and %r to write between" % (BEGIN, END))
    return card[:card.index(BEGIN) + len(BEGIN)] + "\n\n" + tables + "\n\n" + card[card.index(END):]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    with open(os.path.join(options.model, "accuracy.json"), encoding="utf-8") as file:
        counts = json.load(file)
    path = os.path.join(options.model, "README.md")
    with open(path, encoding="utf-8") as file:
        card = written(file.read(), "\n\n".join(table(counts, name) for name in SETS))
    with open(path, "w", encoding="utf-8") as file:
        file.write(card)
    print("%s: %d sets" % (path, len(SETS)))


if __name__ == "__main__":
    main()
