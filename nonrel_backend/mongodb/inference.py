"""Inference of model fields from a sample of documents, for inspectdb and raw SQL."""

from typing import Any

from ..inference import (
    ANYTHING,
    INTEGERS,
    Schema,
    Shape,
    column,
    keys_without_column,
    seen,
)
from ..introspection import InferredField

# The field of values of one BSON type, and its db_type.
FIELDS: dict[str, tuple[str, str]] = {
    "string": ("TextField", "string"),
    "bool": ("BooleanField", "bool"),
    "date": ("DateTimeField", "datetime"),
    "date out of range": ("DateTimeField", "datetime"),
    "binData": ("BinaryField", "binary"),
    "uuid": ("UUIDField", "uuid"),
    "legacy uuid": ("BinaryField", "binary"),
    "objectId": ("nonrel_backend.mongodb.fields.ObjectIdField", "objectId"),
}
# What to say of some types.
NOTES = {
    "legacy uuid": "Legacy UUIDs, whose order of bytes depends on their driver.",
    "date out of range": "Dates out of the years 1 to 9999, the limits of datetimes.",
}
AUTO_KEY = "nonrel_backend.mongodb.fields.ObjectIdAutoField"
# Keys of several of these types are read as texts.
KEYS_AS_TEXT = {"string", "objectId", "int", "long", "double", "uuid"}


class MongoSchema(Schema):
    fields = FIELDS
    notes = NOTES
    of_bytes = {"binData", "uuid", "legacy uuid"}
    whole_note = "Whole numbers stored as doubles, as the mongo shell does."


infer = MongoSchema().infer


def is_compound(shape: Shape) -> bool:
    """Return whether keys are documents of one form, as `$group` and `$out` write them.

    Each has the same two keys or more, of one scalar type each.
    """
    return (
        set(shape.kinds) == {"object"}
        and len(shape.keys) > 1
        and all(
            key.isidentifier()
            and len(inner.kinds) == 1
            and set(inner.kinds) <= {*FIELDS, *INTEGERS}
            and inner.kinds.total() == shape.kinds["object"]
            for key, inner in shape.keys.items()
        )
    )


def columns_of_shape(shape: Shape) -> list[dict[str, Any]]:
    """Return the columns of the documents, as `catalog.columns.describe()` does.

    Each has its InferredField under "inferred".
    """
    count = shape.kinds["object"]
    key = shape.keys.get("_id")
    found: dict[str, InferredField] = {}
    if key is not None and is_compound(key):
        found = {name: infer(inner, count) for name, inner in key.keys.items()}
    else:
        # Documents may have a key "id" besides.
        found["_id" if has_id(shape) else "id"] = key_field(key, count)
    keys = list(found)
    left_out = {"_id", *keys_without_column(shape)}
    taken = {name.lower() for name in keys}
    for name, inner in shape.keys.items():
        if name not in left_out and name.lower() not in taken:
            found[name] = infer(inner, count)
    return [column(name, each, name in keys) for name, each in found.items()]


def has_id(shape: Shape) -> bool:
    return any(name.lower() == "id" for name in shape.keys)


def key_field(shape: Shape | None, count: int) -> InferredField:
    """Return the field of a primary key."""
    if shape is None:  # of no documents, or of a view's
        note = "The documents have no _id, so the objects have no key." if count else ""
        return InferredField(AUTO_KEY, "objectId", {}, note)
    kinds = set(shape.kinds)
    if kinds == {"objectId"}:
        return InferredField(AUTO_KEY, "objectId")
    found = infer(shape)
    if found.field_class != ANYTHING[0] and "null" not in kinds:
        if not found.holds_documents:
            return found
    kind = FIELDS["string"] if kinds <= KEYS_AS_TEXT else ANYTHING
    return InferredField(*kind, {}, f"{seen(shape)}.")
