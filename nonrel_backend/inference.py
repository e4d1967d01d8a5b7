"""Fields that fit what a store without a schema holds, inferred from a sample.

A Shape notes which kinds of values were seen; a Schema, of a store, has the fields for
them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import reduce
from typing import Any, ClassVar

from .conditions import is_path_key
from .introspection import InferredField

INTEGERS = {"int", "long"}
NUMBERS = INTEGERS | {"double", "decimal"}
ANYTHING = ("JSONField", "json")
LIST = "nonrel_backend.fields.ListField"
SET = "nonrel_backend.fields.SetField"
DICTIONARY = "nonrel_backend.fields.DictField"
EMBEDDED = "nonrel_backend.fields.EmbeddedModelField"
# A sub-document with more keys is taken for a dictionary whose keys are data.
MOST_KEYS = 50
# From here on a double does not tell neighbouring whole numbers apart.
WHOLE_LIMIT = 2**53


@dataclass
class Shape:
    """What values were seen: of a key, of the items of arrays, or of a table.

    A store's subclass has the names of their kinds: of what holds keys "object", of
    what holds items "array", of numbers those in NUMBERS.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    # Those of sub-documents, in the order of their first appearance.
    keys: dict[str, "Shape"] = field(default_factory=dict)
    # That of the items of arrays.
    items: "Shape | None" = None
    # Whether an empty text, list or sub-document was seen.
    has_empty: bool = False
    # Whether all doubles are whole numbers.
    is_whole: bool = True
    # The most digits behind the point of a decimal, or of a double beside them.
    places: int = 0

    # The kinds of what holds items.
    of_items: ClassVar[set[str]] = {"array"}

    def kind_of(self, value: Any) -> str:
        """Return the name of a value's kind."""
        raise NotImplementedError

    def parts_of(self, value: Any, kind: str) -> Iterable[Any]:
        """Return what is inside a value: (key, value) of each key, or items."""
        raise NotImplementedError

    def number_of(self, value: Any, kind: str) -> Any:
        """Return a double or decimal as Python's."""
        raise NotImplementedError

    @property
    def count(self) -> int:
        """How many values were seen, without nulls."""
        return self.kinds.total() - self.kinds["null"]

    def inner(self) -> "Shape":
        """Return a new shape for what is inside."""
        return type(self)()

    def add(self, value: Any) -> None:
        """Note a value, and all that is inside it."""
        kind = self.kind_of(value)
        self.kinds[kind] += 1
        if kind == "object":
            for key, inner in self.parts_of(value, kind):
                self.keys.setdefault(key, self.inner()).add(inner)
        elif kind in self.of_items:
            self.items = self.items or self.inner()
            for inner in self.parts_of(value, kind):
                self.items.add(inner)
        elif kind == "double":
            number = self.number_of(value, kind)
            whole = number.is_integer() and abs(number) < WHOLE_LIMIT
            self.is_whole = self.is_whole and whole
            self.places = max(self.places, places_of(Decimal(repr(number))))
        elif kind == "decimal":
            self.places = max(self.places, places_of(self.number_of(value, kind)))
        if kind in ("object", "array", "string") and self.is_empty(value):
            self.has_empty = True

    def is_empty(self, value: Any) -> bool:
        """Return whether a text, list or sub-document is empty."""
        return not value

    def merged(self, other: "Shape") -> "Shape":
        """Return what was seen in both."""
        keys = dict(self.keys)
        for key, shape in other.keys.items():
            keys[key] = keys[key].merged(shape) if key in keys else shape
        items = self.items
        if other.items is not None:
            items = other.items if items is None else items.merged(other.items)
        return type(self)(
            self.kinds + other.kinds,
            keys,
            items,
            self.has_empty or other.has_empty,
            self.is_whole and other.is_whole,
            max(self.places, other.places),
        )


def places_of(number: Decimal) -> int:
    """Return how many digits a number has behind the point."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def seen(shape: Shape, among: int = 0) -> str:
    """Return what was seen of `among` values as text: "98 int, 2 null, 1 missing"."""
    kinds = sorted(shape.kinds.items(), key=lambda each: (-each[1], each[0]))
    parts = [f"{count} {kind}" for kind, count in kinds]
    missing = among - shape.kinds.total()
    if missing > 0:
        parts.append(f"{missing} missing")
    return ", ".join(parts)


class Schema:
    """The fields for the kinds of values of a store."""

    # The field of values of one kind, and its db_type.
    fields: dict[str, tuple[str, str]] = {}
    # What to say of some kinds.
    notes: dict[str, str] = {}
    # Kinds of bytes, which one field holds together; of lists and of sets.
    of_bytes: set[str] = set()
    of_sets: set[str] = set()
    # The most digits of a decimal, and the note on fields of whole doubles.
    most_digits = 34
    whole_note = "Whole numbers stored as doubles."

    def infer(self, shape: Any, among: int = 0) -> InferredField:
        """Return the field that holds all values seen.

        It is optional if there were fewer than `among`, or nulls.
        """
        kinds = {kind for kind in shape.kinds if kind != "null"}
        found = self.of_kinds(shape, kinds)
        options = dict(found.options)
        if shape.count < max(among, shape.kinds.total()):
            options |= {"blank": True, "null": True}
        elif shape.has_empty:
            options["blank"] = True
        notes = [found.note, *(self.notes.get(kind, "") for kind in sorted(kinds))]
        if len(shape.kinds) > 1 or found.field_class == ANYTHING[0]:
            notes.append(f"{seen(shape, among)}.")
        note = " ".join(filter(None, notes))
        return replace(found, options=options, note=note)

    def of_kinds(self, shape: Any, kinds: set[str]) -> InferredField:
        """Return the field for values of these kinds."""
        if kinds and kinds <= NUMBERS:
            return self.of_numbers(shape, kinds)
        if kinds == {"array"}:
            return self.of_items(shape.items or shape.inner())
        if kinds == {"object"}:
            return self.of_keys(shape)
        if len(kinds) == 1 and kinds <= self.of_sets:
            return self.of_items(shape.items or shape.inner(), SET)
        if len(kinds) > 1 and kinds <= self.of_bytes:
            return InferredField("BinaryField", "binary")
        found = {self.fields.get(kind, ANYTHING) for kind in kinds}
        return InferredField(*(found.pop() if len(found) == 1 else ANYTHING))

    def of_numbers(self, shape: Any, kinds: set[str]) -> InferredField:
        if "decimal" in kinds:
            places = min(shape.places, self.most_digits)
            options = {"max_digits": self.most_digits, "decimal_places": places}
            note = "max_digits and decimal_places are guessed."
            return InferredField("DecimalField", "decimal", options, note)
        if "double" not in kinds:
            return InferredField("BigIntegerField", "long")
        if shape.is_whole:
            return InferredField("BigIntegerField", "long", {}, self.whole_note)
        return InferredField("FloatField", "double")

    def of_items(self, items: Any, list_class: str = LIST) -> InferredField:
        """Return the field of lists or sets, for items of any type if need be."""
        item = self.infer(items)
        if not items.kinds or item.field_class == ANYTHING[0]:
            note = f"Items: {seen(items) or 'none'}."
            return InferredField(list_class, "document", {}, note)
        # An item is NULL or it is not, whatever its field says.
        options = {
            name: value
            for name, value in item.options.items()
            if name not in ("null", "blank")
        }
        plain = replace(item, options=options)
        note = f"Items: {item.note}" if item.note and not item.item else item.note
        return InferredField(list_class, "document", {}, note, plain)

    def of_keys(self, shape: Any) -> InferredField:
        """Return the field of sub-documents: an embedded model, or a dictionary."""
        if not any(map(is_path_key, shape.keys)) or len(shape.keys) > MOST_KEYS:
            if not shape.keys:
                return InferredField(DICTIONARY, "document")
            values = reduce(type(shape).merged, shape.keys.values())
            found = self.of_items(values)
            note = f"{len(shape.keys)} different keys."
            if found.note:
                note += f" {found.note}"
            return InferredField(DICTIONARY, "document", {}, note, found.item)
        count = shape.kinds["object"]
        fields = {key: self.infer(inner, count) for key, inner in shape.keys.items()}
        return InferredField(EMBEDDED, "document", {}, fields=fields)


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
