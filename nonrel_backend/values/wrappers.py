"""Values that say more than their Python type: JSON, and documents of a field."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Json:
    """A value for a JSON column; `Json(None)` is JSON's null, None is SQL's NULL."""

    value: Any


def as_json(value: Any) -> Any:
    """Return a prepared value of a JSON column: fields of a project's own give text."""
    return Json(json.loads(value)) if type(value) is str else value


@dataclass(frozen=True)
class Document:
    """A Python value for a column of documents, and the field that knows its leaves."""

    field: Any
    value: Any
    connection: Any

    def stored(self) -> Any:
        """Return lists and dictionaries whose leaves are of the store's own types."""
        return self.field.stored_document(self.value, self.connection)

    def text(self) -> str:
        """Return the document as the JSON text that the local engine's tables hold."""
        return self.field.document_text(self.value, self.connection)
