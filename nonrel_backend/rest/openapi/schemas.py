"""Schemas: the values of fields as they are shown, and as they may be sent."""

from typing import Any

from ..fields.base import ApiField
from ..fields.nested import (
    DictField,
    EmbeddedField,
    JSONField,
    ListField,
    SetField,
    nullable,
)
from ..fields.plain import (
    BinaryField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    FileField,
    FloatField,
    IntegerField,
    TimeField,
    UUIDField,
)
from .limits import limits_of

TIME = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"
# The digits of a number in JSON.
LONGEST_NUMBER = 30
# A file that is sent as data.
UPLOAD = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "content": {"type": "string"}},
    "required": ["name", "content"],
    "additionalProperties": False,
}
EXAMPLES: list[tuple[type[ApiField], Any]] = [
    (IntegerField, 1), (FloatField, 1.5), (DecimalField, "1"),
    (DateField, "2010-11-10"), (DateTimeField, "2010-11-10T03:07:43Z"),
    (TimeField, "20:05:23"),
    (UUIDField, "6fa459ea-ee8a-3ca4-894e-db77e160355e"), (BinaryField, "aGVsbG8="),
]  # fmt: skip


def shown_schema(field: ApiField) -> dict[str, Any]:
    """Return the schema of a field's values in responses."""
    return nullable(field)


def sent_schema(field: ApiField) -> dict[str, Any]:
    """Return the schema of what a field accepts. It may accept more, as a number in a
    string.
    """
    found = own_schema(field)
    if not field.null or not found:
        return found
    return {"anyOf": [found, {"type": "null"}]}


def own_schema(field: ApiField) -> dict[str, Any]:
    """Return the schema of what a field accepts, null excluded."""
    column = field.column
    limits = field.limits | (limits_of(column) if column is not None else {})
    found = field.json_schema()
    if isinstance(field, EmbeddedField):
        return embedded_schema(field)
    if isinstance(field, ListField):
        items = {} if field.of is None else sent_schema(field.of)
        unique = {"uniqueItems": True} if isinstance(field, SetField) else {}
        return {"type": "array", "items": items, **unique}
    if isinstance(field, DictField):
        rest = (
            {} if field.of is None else {"additionalProperties": sent_schema(field.of)}
        )
        return {"type": "object", **rest}
    if isinstance(field, JSONField):
        empty = [] if column is None or column.blank else ["", {}]
        return {"not": {"enum": [None, *empty]}} if not field.null else {}
    if isinstance(field, FileField):
        return {"anyOf": [found, UPLOAD]}
    if isinstance(field, DecimalField):
        found = {"type": ["string", "integer"], "format": "decimal"}
    elif isinstance(field, TimeField):
        found = {"type": "string", "pattern": TIME}
    elif type(field) is CharField and takes_numbers(limits):
        found = {"type": ["string", "number"]}
    return found | limits


def takes_numbers(limits: dict[str, Any]) -> bool:
    """Return whether a text may be sent as any number."""
    if not limits.keys().isdisjoint({"enum", "pattern", "format"}):
        return False
    return limits.get("maxLength", LONGEST_NUMBER) >= LONGEST_NUMBER


def embedded_schema(field: EmbeddedField) -> dict[str, Any]:
    """Return the schema of the data of an embedded object."""
    if field.json_schema().keys() == {"type"}:  # it contains itself
        return {"type": "object"}
    required = [
        name
        for name, part in field.fields.items()
        if not (part.null or part.blank or part.has_default or part.readonly)
    ]
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name: sent_schema(part) for name, part in field.fields.items()},
        "additionalProperties": False,
    }
    return found | ({"required": required} if required else {})


def example_of(field: ApiField) -> Any:
    """Return a value that a field accepts; None if none is known."""
    schema = own_schema(field)
    if "enum" in schema:
        return schema["enum"][0]
    for kind, value in EXAMPLES:
        if isinstance(field, kind):
            least = schema.get("minimum", value)
            return max(value, least) if isinstance(value, int) else value
    if type(field) is CharField:
        known = {"email": "new@example.org", "uri": "https://example.org/"}
        return known.get(schema.get("format", ""), "new")[: schema.get("maxLength", 99)]
    if isinstance(field, EmbeddedField):
        return {
            name: example_of(field.fields[name]) for name in schema.get("required", ())
        }
    if isinstance(field, ListField):
        return []
    return {"a": 1} if isinstance(field, DictField | JSONField) else True
