"""Text and UUID keys of other types, and compound keys: all their forms in filters."""

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Any
from uuid import UUID

from bson import ObjectId
from bson.binary import Binary

from ..conditions import Column, Condition, Leaf, Node
from .stored import StoredText, StoredUUID

# The texts of keys of other types: integers, ObjectIds and UUIDs.
INTEGER = re.compile(r"-?[1-9][0-9]{0,17}|0")
OBJECT_ID = re.compile("[0-9a-f]{24}")
UUID_TEXT = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Compound keys of more members are looked for in the order of their fields only.
MOST_PERMUTED = 4


def text_forms(text: str) -> list[Any]:
    """Return a text key with the keys of other types that are read as this text."""
    if type(text) is not str:
        return [text]
    forms: list[Any] = [text]
    if INTEGER.fullmatch(text):
        forms.append(StoredText(text, int(text)))
    elif OBJECT_ID.fullmatch(text):
        forms.append(StoredText(text, ObjectId(text)))
    elif UUID_TEXT.fullmatch(text):
        forms.append(StoredText(text, Binary.from_uuid(UUID(text))))
    if len(forms) > 1:
        forms[0] = StoredText(text, text)
    return forms


def uuid_forms(value: Any) -> list[Any]:
    """Return a UUID key with its texts."""
    if type(value) is StoredUUID or type(value) is StoredText:
        return [value]
    return [value, *(StoredText(each, each) for each in (value.hex, str(value)))]


FORMS = {"string": text_forms, "uuid": uuid_forms}


def key_columns(connection: Any, meta: Any) -> dict[str, Any]:
    """Return {column: function to all forms of a key} of the keys in a table."""
    found = {}
    for field in meta.local_concrete_fields:
        if field.primary_key or field.remote_field:
            db_type = connection.type_of(field)
            if db_type == "string" or (db_type == "uuid" and field.primary_key):
                found[field.column] = FORMS[db_type]
    return found


def with_all_forms(condition: Condition, columns: dict[str, Any]) -> Condition:
    """Return the condition, in which keys are looked for in all their forms."""
    if isinstance(condition, Node):
        return Node(
            condition.connector,
            tuple(with_all_forms(child, columns) for child in condition.children),
        )
    forms = columns.get(condition.column.name)
    if forms is None or condition.column.path or isinstance(condition.value, Column):
        return condition
    if condition.lookup_type == "exact" and condition.value is not None:
        values = forms(condition.value)
    elif condition.lookup_type == "in":
        values = [
            form
            for value in condition.value
            for form in ([value] if value is None else forms(value))
        ]
    else:
        return condition
    if condition.lookup_type == "exact" and len(values) == 1:
        return condition
    return Leaf(condition.column, "in", values, condition.negated)


def compound_forms(key: Any) -> Iterator[Any]:
    """Yield a stored key, a compound one in every order of its members."""
    if not isinstance(key, dict) or len(key) > MOST_PERMUTED:
        yield key
        return
    for items in permutations(key.items()):
        yield dict(items)
