"""What is printed on the large kinds made of lines: long receipt, invoice, form, shipping label."""
from . import words
from .large_placing import Cell
from .words import Number

LARGE_KEYS = {
    "total": ["TOTAL", "Total", "Total:", "Amount due", "To pay", "Grand total", "SUM"],
    "tax": ["Tax", "TAX", "VAT", "VAT:", "Tax:"],
    "date": ["Date:", "Date", "DATE", "Issued:", "Issue date"],
    "items": ["Items:", "Items", "ITEMS", "No. of items", "Item count"],
    "invoice_number": ["Invoice no.", "Invoice number:", "INVOICE NO", "Invoice #", "Number:"],
    "seller": ["Seller:", "From:", "SELLER", "Seller"],
    "buyer": ["Buyer:", "Bill to:", "BUYER", "Customer:"],
    "currency": ["Currency:", "Currency", "CURRENCY"],
    "name": ["Name:", "Name", "NAME", "Full name"],
    "email": ["Email:", "E-mail", "EMAIL", "Mail:"],
    "phone": ["Phone:", "Phone", "Tel.", "PHONE"],
    "id": ["ID:", "ID", "Member ID", "Ref.", "Reference:"],
    "city": ["City:", "City", "CITY", "Town:"],
    "street": ["Street:", "Address:", "Street", "ADDRESS"],
    "company": ["Company:", "Company", "Employer:", "COMPANY"],
    "weight": ["Weight:", "Weight", "WEIGHT", "Wt."],
    "sender": ["From:", "Sender:", "FROM", "Sender"],
    "service": ["Service:", "Service", "SERVICE", "Mode:"],
    "tracking": ["Tracking:", "Tracking no.", "TRACKING", "Parcel no."],
}
BOXES = {"member": "Member", "newsletter": "Newsletter", "insured": "Insured", "student": "Student", "signed": "Signed",
         "urgent": "Urgent", "gift": "Gift", "paid": "Paid"}
SERVICES = ["Express", "Standard", "Economy"]


def pair(rng, key, text, pairing):
    """One line with a key and its value, as draw_pairing says."""
    key = rng.c(LARGE_KEYS[key])
    if pairing == "run":
        return [Cell(key + " " + text)]
    return [Cell(key), Cell(text, pairing)]


def draw_pairing(rng):
    """How a page sets its keys and values: in one run, or the value at the tab stop or at the right edge."""
    return rng.c(["run", "run", "T", "T", "R"])


def cents(amount):
    """Integer cents of '12.40'."""
    return int(amount.replace(".", ""))


def amount_of(value):
    """'12.40' of integer cents."""
    return Number("%d.%02d" % divmod(value, 100))


def draw_lines(rng, count):
    """Items of a receipt or an invoice: [{"name", "price"}], names that differ."""
    return [{"name": item, "price": words.small_money(rng)} for item in words.distinct(rng, words.product, count)]


def compose_long_receipt(rng):
    goods = draw_lines(rng, rng.c([4, 4, 4, 5, 6, 7, 8, 9, 10]))
    total = sum(cents(item["price"]) for item in goods)
    fields = {"merchant": words.merchant(rng), "date": words.date(rng)}
    pairing = rng.c(["run", "R", "R"])
    tail = []
    if rng.p(0.6):
        fields["items"] = len(goods)
        tail.append(pair(rng, "items", str(len(goods)), pairing))
    if rng.p(0.6):
        tax = total * rng.c([5, 7, 10, 19, 20]) // 100
        total += tax
        fields["tax"] = amount_of(tax)
        tail.append(pair(rng, "tax", fields["tax"], pairing))
    fields["total"] = amount_of(total)
    fields["lines"] = goods
    mark = rng.c(["", "", "$", "\u20ac", "\u00a3"])
    tail.append([cell._replace(role=2) for cell in pair(rng, "total", mark + fields["total"], pairing)])
    head = [[Cell(fields["merchant"], rng.c("CCL"), 1)]]
    if rng.p(0.3):
        head.append([Cell(words.street(rng), head[0][0].align)])
    head.append([Cell(fields["date"], rng.c("LCR"))] if rng.p(0.4) else pair(rng, "date", fields["date"], pairing))
    body = [[Cell(item["name"]), Cell(item["price"], "R")] for item in goods]
    if rng.p(0.2):
        tail.append([Cell(rng.c(["Thank you!", "See you soon", "Please keep this receipt"]), "C")])
    return fields, head + body + tail


def compose_invoice(rng):
    goods = draw_lines(rng, rng.n(1, 4))
    total = sum(cents(item["price"]) for item in goods)
    fields = {"invoice_number": words.identifier(rng), "date": words.date(rng), "seller": words.merchant(rng),
              "buyer": words.person(rng) if rng.p(0.6) else words.merchant(rng), "total": amount_of(total),
              "currency": rng.c(words.CURRENCIES), "lines": goods}
    pairing = draw_pairing(rng)
    facts = [pair(rng, key, fields[key], pairing) for key in rng.sample(["invoice_number", "date", "seller", "buyer"], 4)]
    lines = [[Cell(rng.c(["INVOICE", "Invoice", "Tax invoice"]), rng.c("LCR"), 1)]] if rng.p(0.8) else []
    lines += facts
    body = [[Cell(item["name"]), Cell(item["price"], "R")] for item in goods]
    total_key = rng.c(LARGE_KEYS["total"])
    if rng.p(0.6):
        printed = " ".join(rng.sample([fields["total"], fields["currency"]], 2))
        return fields, lines + body + [[Cell(total_key, "L", 2), Cell(printed, "R", 2)]]
    lines.append(pair(rng, "currency", fields["currency"], pairing))
    return fields, lines + body + [[Cell(total_key, "L", 2), Cell(fields["total"], "R", 2)]]


FORM_MAKERS = {"name": words.person, "email": words.email, "phone": words.phone, "id": words.identifier,
               "city": words.city, "date": words.date, "company": words.merchant, "street": words.street}


def compose_form(rng):
    box_keys = rng.sample(list(BOXES), rng.c([0, 1, 2, 2, 3]))
    keys = rng.sample(list(FORM_MAKERS), rng.n(max(2, 4 - len(box_keys)), 8 - len(box_keys)))
    fields = {key: FORM_MAKERS[key](rng) for key in keys}
    pairing = draw_pairing(rng)
    lines = []
    if rng.p(0.7):
        lines.append([Cell(rng.c(["FORM", "Registration", "Application", "Member form", "Request"]), rng.c("LC"), 1)])
    lines += [pair(rng, key, fields[key], pairing) for key in keys]
    boxes = []
    for key in box_keys:
        fields[key] = rng.c(["yes", "no"])
        boxes.append(Cell(BOXES[key], "L", 0, "ticked box" if fields[key] == "yes" else "empty box"))
    lines += [boxes] if rng.p(0.3) and boxes else [[box] for box in boxes]
    return fields, lines


def compose_shipping_label(rng):
    fields = {"name": words.person(rng), "street": words.street(rng), "city": words.city(rng)}
    fields["tracking"] = words.identifier(rng)
    pairing = draw_pairing(rng)
    address = [[Cell(fields["name"], "L", 1)], [Cell(fields["street"], "L", 2)], [Cell(fields["city"], "L", 2)]]
    if rng.p(0.3):
        address = [pair(rng, key, fields[key], pairing) for key in ("name", "street", "city")]
    if rng.p(0.6):
        address.insert(0, [Cell(rng.c(["SHIP TO", "Deliver to", "PARCEL", "To:"]))])
    others = [pair(rng, "tracking", fields["tracking"], pairing)]
    if rng.p(0.7):
        fields["sender"] = words.merchant(rng)
        others.append(pair(rng, "sender", fields["sender"], pairing))
    if rng.p(0.7):
        fields["weight"] = Number("%d.%d" % (rng.n(0, 30), rng.n(0, 9)))
        others.append(pair(rng, "weight", fields["weight"] + " kg", pairing))
    if rng.p(0.6):
        fields["service"] = rng.c(SERVICES)
        others.append([Cell(fields["service"], "C", 1)] if rng.p(0.3) else pair(rng, "service", fields["service"], pairing))
    others = rng.sample(others, len(others))
    first = rng.n(0, len(others)) if rng.p(0.4) else 0
    return fields, others[:first] + address + others[first:]


LARGE_COMPOSERS = {"long receipt": compose_long_receipt, "invoice": compose_invoice, "form": compose_form,
                   "shipping label": compose_shipping_label}
