"""The stored forms of values in Riak, which are JSON, and the keys of objects."""

import json
from decimal import Context, Decimal
from typing import Any

from django.db import DataError

from ..kv.json_values import json_forms

FORMS = json_forms("Riak")
# Bytes. Riak KV 3.2.3 takes a key of this size, and refuses one of 100,000 (measured).
LARGEST_KEY = 65_536
# More digits than a DecimalField has: normalize() must not round.
WIDE = Context(prec=1_000)


def key_of(db_type: str | None, value: Any) -> str:
    """Return a stored value as the text of a key; equal values have the same text."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if db_type == "decimal":
        number = Decimal(value)
        return format(number.normalize(WIDE), "f") if number else "0"
    if db_type == "double":
        value = float(value)
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def object_key(db_types: list[str], values: list[Any]) -> bytes:
    """Return the key of a row's object.

    For one column it is its text; the empty text, and text that begins with "~", get
    a "~" before them. For several columns it is a JSON list of their texts. Raise
    DataError for a key that is longer than Riak takes.
    """
    if len(values) == 1 and type(values[0]) is int:  # most keys
        return str(values[0]).encode()
    texts = [key_of(*each) for each in zip(db_types, values, strict=True)]
    if len(texts) > 1:
        text = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    else:
        (text,) = texts
        text = f"~{text}" if not text or text.startswith("~") else text
    # Text that is no Unicode is refused when the row is made JSON, with a clear error.
    key = text.encode(errors="surrogatepass")
    if len(key) > LARGEST_KEY:
        raise DataError(
            f"The key has {len(key)} bytes; Riak takes {LARGEST_KEY} at most."
        )
    return key
