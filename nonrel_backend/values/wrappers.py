"""Values that say more than their Python type: JSON, and documents of a field."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Json:
    """A value for a JSON column; `Json(None)` is JSON's null, None is SQL's NULL."""

    value: Any


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
