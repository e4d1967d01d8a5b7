"""Inference of model fields from a sample of documents, for inspectdb and raw SQL."""

from dataclasses import replace
from functools import reduce
from typing import Any

from ..conditions import is_path_key
from ..introspection import InferredField
from .sampling import Shape

INTEGERS = {"int", "long"}
NUMBERS = INTEGERS | {"double", "decimal"}
BYTES = {"binData", "uuid", "legacy uuid"}
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
ANYTHING = ("JSONField", "json")
# What to say of some types.
NOTES = {
    "legacy uuid": "Legacy UUIDs, whose order of bytes depends on their driver.",
    "date out of range": "Dates out of the years 1 to 9999, the limits of datetimes.",
}
AUTO_KEY = "nonrel_backend.mongodb.fields.ObjectIdAutoField"
LIST = "nonrel_backend.fields.ListField"
DICTIONARY = "nonrel_backend.fields.DictField"
EMBEDDED = "nonrel_backend.fields.EmbeddedModelField"
# Keys of several of these types are read as texts.
KEYS_AS_TEXT = {"string", "objectId", "int", "long", "double", "uuid"}
# The digits of a Decimal128.
MOST_DIGITS = 34
# A sub-document with more keys is taken for a dictionary whose keys are data.
MOST_KEYS = 50


def seen(shape: Shape, among: int = 0) -> str:
    """Return what was seen of `among` values as text: "98 int, 2 null, 1 missing"."""
    kinds = sorted(shape.kinds.items(), key=lambda each: (-each[1], each[0]))
    parts = [f"{count} {kind}" for kind, count in kinds]
    missing = among - shape.kinds.total()
    if missing > 0:
        parts.append(f"{missing} missing")
    return ", ".join(parts)


def infer(shape: Shape, among: int = 0) -> InferredField:
    """Return the field that holds all values seen.

    It is optional if there were fewer than `among`, or nulls.
    """
    kinds = {kind for kind in shape.kinds if kind != "null"}
    found = of_kinds(shape, kinds)
    options = dict(found.options)
    if shape.count < max(among, shape.kinds.total()):
        options |= {"blank": True, "null": True}
    elif shape.has_empty:
        options["blank"] = True
    notes = [found.note, *(NOTES.get(kind, "") for kind in sorted(kinds))]
    if len(shape.kinds) > 1 or found.field_class == ANYTHING[0]:
        notes.append(f"{seen(shape, among)}.")
    note = " ".join(filter(None, notes))
    return replace(found, options=options, note=note)


def of_kinds(shape: Shape, kinds: set[str]) -> InferredField:
    """Return the field for values of these BSON types."""
    if kinds and kinds <= NUMBERS:
        return of_numbers(shape, kinds)
    if kinds == {"array"}:
        return of_items(shape.items or Shape())
    if kinds == {"object"}:
        return of_keys(shape)
    if len(kinds) > 1 and kinds <= BYTES:
        return InferredField(*FIELDS["binData"])
    found = {FIELDS.get(kind, ANYTHING) for kind in kinds}
    return InferredField(*(found.pop() if len(found) == 1 else ANYTHING))


def of_numbers(shape: Shape, kinds: set[str]) -> InferredField:
    if "decimal" in kinds:
        places = min(shape.places, MOST_DIGITS)
        options = {"max_digits": MOST_DIGITS, "decimal_places": places}
        note = "max_digits and decimal_places are guessed."
        return InferredField("DecimalField", "decimal", options, note)
    if "double" not in kinds:
        return InferredField("BigIntegerField", "long")
    if shape.is_whole:
        note = "Whole numbers stored as doubles, as the mongo shell does."
        return InferredField("BigIntegerField", "long", {}, note)
    return InferredField("FloatField", "double")


def of_items(items: Shape) -> InferredField:
    """Return the field of lists; one without an item field for items of any type."""
    item = infer(items)
    if not items.kinds or item.field_class == ANYTHING[0]:
        note = f"Items: {seen(items) or 'none'}."
        return InferredField(LIST, "document", {}, note)
    # An item is NULL or it is not, whatever its field says.
    options = {
        name: value
        for name, value in item.options.items()
        if name not in ("null", "blank")
    }
    plain = replace(item, options=options)
    note = f"Items: {item.note}" if item.note and not item.item else item.note
    return InferredField(LIST, "document", {}, note, plain)


def of_keys(shape: Shape) -> InferredField:
    """Return the field of sub-documents: an embedded model, or a dictionary."""
    if not any(map(is_path_key, shape.keys)) or len(shape.keys) > MOST_KEYS:
        if not shape.keys:
            return InferredField(DICTIONARY, "document")
        values = reduce(Shape.merged, shape.keys.values())
        found = of_items(values)
        note = f"{len(shape.keys)} different keys."
        if found.note:
            note += f" {found.note}"
        return InferredField(DICTIONARY, "document", {}, note, found.item)
    count = shape.kinds["object"]
    fields = {key: infer(inner, count) for key, inner in shape.keys.items()}
    return InferredField(EMBEDDED, "document", {}, fields=fields)


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


def keys_without_column(shape: Shape) -> list[str]:
    """Return the keys that no column can have: none is empty, and SQLite, the local
    engine, does not distinguish the case of names.
    """
    seen: dict[str, str] = {}
    return [
        name
        for name in shape.keys
        if not name or seen.setdefault(name.lower(), name) != name
    ]


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


def column(name: str, field: InferredField, is_key: bool) -> dict[str, Any]:
    kind = field.field_class.rpartition(".")[2]
    return {
        "name": name,
        "db_type": field.db_type,
        "internal_type": "DictField" if field.fields is not None else kind,
        "null": not is_key and field.options.get("null", False),
        "pk": is_key,
        "max_digits": field.options.get("max_digits"),
        "decimal_places": field.options.get("decimal_places"),
        "inferred": field,
    }
