"""Sources: the keys of an embedded model's document that the model does not know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The key for a packed source in the local engine's JSON text. No column has the name.
SOURCE_KEY = "$source"
# How many different sequences of keys are remembered for a model.
CACHED_SHAPES = 1_000


class Form:
    """How documents hold values; in this form, as JSON does, and bytes.

    A class, not an instance: it is pickled by its name.
    """

    @staticmethod
    def pack(document: dict[str, Any]) -> str:
        """Return the text of a document, which keeps all of it."""
        return json.dumps(document, default=bytes_to_json)

    @staticmethod
    def unpack(text: str) -> dict[str, Any]:
        """Return the document of a packed text."""
        document: dict[str, Any] = json.loads(text, object_hook=bytes_from_json)
        return document

    @staticmethod
    def to_json(value: Any) -> Any:
        """Return a value of this form as JSON."""
        return json.loads(json.dumps(value, default=bytes_to_json))

    @staticmethod
    def from_json(value: Any) -> Any:
        """Return a JSON value in this form."""
        return value


def bytes_to_json(value: Any) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r} is not a JSON value.")
    return {"$bytes": value.hex()}


def bytes_from_json(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["$bytes"]) if value.keys() == {"$bytes"} else value


@dataclass(frozen=True, slots=True)
class Source:
    """What an embedded model keeps of the document that it was read from.

    `order` has all keys. `others` has those that the model does not know, with values
    in the given form, and those that are null.
    """

    order: tuple[str, ...]
    others: dict[str, Any]
    form: type[Form]

    def others_in(self, form: type[Form]) -> dict[str, Any]:
        """Return `others` with values in another form."""
        if form is self.form:
            return self.others
        return {
            key: form.from_json(self.form.to_json(value))
            for key, value in self.others.items()
        }

    def restored(self, document: dict[str, Any], form: type[Form]) -> dict[str, Any]:
        """Return a document of fields with the other keys, in the source's order."""
        found = {**self.others_in(form), **document}
        return {key: found[key] for key in (*self.order, *document) if key in found}

    def packed(self, form: type[Form]) -> str:
        """Return the source as text, with values in the given form."""
        return form.pack({"order": self.order, "others": self.others_in(form)})


def unpacked(text: str, form: type[Form]) -> Source:
    """Return the source of a packed text."""
    found = form.unpack(text)
    return Source(tuple(found["order"]), found["others"], form)


class SourcedDict(dict[str, Any]):
    """The values of an embedded model's fields, with the source of the instance."""

    def __init__(self, values: Mapping[str, Any], source: Source | None) -> None:
        super().__init__(values)
        self.source = source


class Keys:
    """The keys of a model's documents, in the order in which they are written."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.known = names, frozenset(names)
        self.shapes: dict[tuple[str, ...], bool] = {}

    def source(self, document: dict[str, Any], form: type[Form]) -> Source | None:
        """Return the source of a document, None if it would be written as it is."""
        shape = tuple(document)
        usual = self.shapes.get(shape)
        if usual is None:
            usual = shape == tuple(each for each in self.names if each in document)
            if len(self.shapes) < CACHED_SHAPES:
                self.shapes[shape] = usual
        if usual and None not in document.values():
            return None
        if isinstance(packed := document.get(SOURCE_KEY), str):
            return unpacked(packed, form)
        others = {
            key: value
            for key, value in document.items()
            if value is None or key not in self.known
        }
        return Source(shape, others, form)
