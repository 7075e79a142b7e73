"""What is printed on the small kinds: receipt, label and shelf price tag. Lines of (text, align, role) runs.

align is "L", "R" or "C"; role 0 is body text, 1 a heading, 2 a price. The order of the draws is part of the recipe:
the benchmark of the first pocket model was drawn with it.
"""
from . import words

KEYS = {
    "total": ["TOTAL", "Total:", "Total", "TOTAL:", "Amount due", "Amount due:", "AMOUNT", "Sum:", "To pay:", "Grand total"],
    "date": ["Date:", "Date", "DATE", "DATE:"],
    "items": ["Items:", "ITEMS", "Items", "Qty:", "No. of items"],
    "name": ["Name:", "NAME", "To:", "Name"],
    "id": ["ID:", "ID", "Ref:", "No.", "Badge no", "Order"],
    "city": ["City:", "CITY", "City", "Town:"],
    "price": ["Price:", "PRICE", "Now", "Only"],
}
HEAD = {
    "receipt": ["RECEIPT", "Receipt", "Invoice", "Thank you!"],
    "label": ["SHIP TO", "Deliver to", "VISITOR", "GUEST", "HELLO", "STAFF", "PARCEL", "Express"],
    "price tag": ["SALE", "OFFER", "NEW", "Special", "per kg", "500 g", "each", "Art. 12"],
}
SMALL_KINDS = ["receipt", "label", "price tag"]


def key_value(rng, key, value):
    """Lines with a key and its value: one run, or the value at the right edge, or two lines."""
    key = rng.c(KEYS[key])
    draw = rng.u()
    if draw < 0.5:
        return [[(key + " " + value, "L", 0)]]
    if draw < 0.92:
        return [[(key, "L", 0), (value, "R", 0)]]
    return [[(key, "L", 0)], [(value, "L" if rng.p(0.5) else "R", 0)]]


def decorate_total(rng, total):
    draw = rng.u()
    if draw < 0.2:
        return "$" + total
    if draw < 0.3:
        return "\u20ac" + total
    if draw < 0.35:
        return "\u00a3" + total
    return total + " " + rng.c(words.CURRENCIES) if draw < 0.42 else total


def compose_receipt(rng):
    fields = {"merchant": words.merchant(rng), "date": words.date(rng), "total": words.money(rng)}
    lines = [[(fields["merchant"], "C" if rng.p(0.6) else "L", 1)]]
    middle = [[[(fields["date"], rng.c("LCR"), 0)]] if rng.p(0.4) else key_value(rng, "date", fields["date"])]
    if rng.p(0.6):
        fields["items"] = rng.n(1, 9) if rng.p(0.7) else rng.n(10, 99)
        middle.append(key_value(rng, "items", str(fields["items"])))
    for _ in range(rng.c([0, 0, 1, 1, 2])):
        middle.append([[(words.word(rng, words.GOODS)[:9], "L", 0), (words.small_money(rng), "R", 0)]])
    middle = rng.sample(middle, len(middle))
    total = key_value(rng, "total", decorate_total(rng, fields["total"]))
    if rng.p(0.12):
        middle.insert(0, total)
    else:
        middle.append(total)
    for part in middle:
        lines += part
    if rng.p(0.15) and len(lines) < 6:
        lines.append([(rng.c(HEAD["receipt"]), "C", 0)])
    return fields, lines


def compose_label(rng):
    fields = {"name": words.person(rng), "id": words.identifier(rng), "city": words.city(rng)}
    lines = []
    if rng.p(0.5):
        lines.append([(rng.c(HEAD["label"]), rng.c("LC"), 0)])
    align = "C" if rng.p(0.4) else "L"
    identity = key_value(rng, "id", fields["id"]) if rng.p(0.85) else [[("#" + fields["id"], align, 0)]]
    name = [[(fields["name"], align, 1)]] if rng.p(0.6) else key_value(rng, "name", fields["name"])
    if rng.p(0.35):
        body = [name + [[(fields["city"], align, 0)]], identity]
    else:
        body = [name, key_value(rng, "city", fields["city"]), identity]
    for part in rng.sample(body, len(body)):
        lines += part
    return fields, lines


def print_price(rng, price, currency):
    if currency in words.SYMBOLS and rng.p(0.7):
        symbol = words.SYMBOLS[currency]
        return symbol + rng.c(["", " "]) + price if rng.p(0.8) else price + " " + symbol
    return currency + " " + price if rng.p(0.5) else price + " " + currency


def compose_price_tag(rng):
    fields = {"product": words.product(rng), "price": words.money(rng)}
    fields["currency"] = rng.c(words.CURRENCIES[:3]) if rng.p(0.6) else rng.c(words.CURRENCIES)
    price = print_price(rng, fields["price"], fields["currency"])
    align = rng.c("LCC")
    price_lines = [[(price, align, 2)]] if rng.p(0.75) else key_value(rng, "price", price)
    lines = [[(fields["product"], align, 1)]]
    if rng.p(0.4):
        lines.append([(rng.c(HEAD["price tag"]), align, 0)])
    lines += price_lines
    if rng.p(0.3):
        lines.append([(words.identifier(rng) if rng.p(0.5) else rng.c(HEAD["price tag"]), rng.c("LCR"), 0)])
    if rng.p(0.15) and len(lines) > 2 and lines[-1][0][0] != price:
        lines = lines[-1:] + lines[:-1]
    return fields, lines


COMPOSERS = {"receipt": compose_receipt, "label": compose_label, "price tag": compose_price_tag}
