"""Fields of every kind and their JSON Schemas, for held-out sets and constrained decoding."""
from . import words
from .alphabet import COLORS, SHAPES
from .large import BOXES, SERVICES
from .small import SMALL_KINDS
from .words import Number


def text(most, least=1):
    return {"type": "string", "minLength": least, "maxLength": most}


def record(properties):
    """Schema of an object with exactly these properties, in this order."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


YES_NO = ["yes", "no"]
DIRECTIONS = ["left", "right", "up", "down"]
# The word for a kind in answers: a long receipt is a receipt.
SHOWN_KIND = {"receipt": "receipt", "label": "label", "price tag": "price tag", "long receipt": "receipt", "invoice": "invoice",
              "form": "form", "table": "table", "shipping label": "label", "chart": "chart"}
LARGE_SHOWN = ["receipt", "invoice", "form", "table", "label", "chart"]

# Keys that a question may ask for, in their usual order. A document lacks those that are not printed on it; rows of
# tables and bars of charts are asked for by name instead.
FIELDS = {
    "receipt": ["merchant", "date", "total", "items"], "label": ["name", "id", "city"],
    "price tag": ["product", "price", "currency"],
    "long receipt": ["merchant", "date", "total", "items", "tax"],
    "invoice": ["invoice_number", "date", "seller", "buyer", "total", "currency"],
    "form": ["name", "email", "phone", "id", "city", "date", "company", "street", *BOXES],
    "shipping label": ["name", "street", "city", "tracking", "sender", "weight", "service"],
    "table": ["title"], "chart": ["title"],
}
PROPERTIES = {
    "merchant": text(32), "date": text(10, 8), "total": {"type": "number"}, "items": {"type": "integer"},
    "name": text(32), "id": text(16), "city": text(24), "product": text(32), "price": {"type": "number"},
    "currency": {"type": "string", "enum": words.CURRENCIES}, "kind": {"type": "string", "enum": SMALL_KINDS},
    "tax": {"type": "number"}, "invoice_number": text(16), "seller": text(32), "buyer": text(32), "email": text(48),
    "phone": text(16, 7), "company": text(32), "street": text(32), "tracking": text(16), "sender": text(32),
    "weight": {"type": "number"}, "service": {"type": "string", "enum": SERVICES}, "title": text(32),
    "lines": {"type": "array", "maxItems": 4, "items": record({"name": text(32), "price": {"type": "number"}})},
    **{key: {"type": "string", "enum": YES_NO} for key in BOXES},
    "first": {"type": "integer"}, "last": {"type": "integer"}, "largest": {"type": "integer"},
    "shape": {"type": "string", "enum": SHAPES}, "color": {"type": "string", "enum": COLORS},
    "direction": {"type": "string", "enum": DIRECTIONS},
}


def schema_of(keys):
    """JSON Schema of an object of known fields."""
    return record({key: PROPERTIES[key] for key in keys})


def schema_of_row(row):
    """JSON Schema of a table's row or of a chart's bars: {name: value}."""
    return record({key: {"type": "number"} if isinstance(value, Number) else text(32) for key, value in row.items()})
