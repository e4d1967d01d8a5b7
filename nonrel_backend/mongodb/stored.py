"""Values that carry the BSON value which they were read from."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Decimal128


class StoredText(str):
    """Text for a key of another type, or for a value in JSON that JSON has none for.

    It is text like any other; filtered by or saved, it is the value that it carries.
    """

    stored: Any

    def __new__(cls, text: str, stored: Any) -> "StoredText":
        found = super().__new__(cls, text)
        found.stored = stored
        return found

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.stored)


class StoredBytes(bytes):
    """Bytes that are stored with a subtype other than that of plain bytes."""

    stored: Any

    def __new__(cls, value: bytes, stored: Any) -> "StoredBytes":
        found = super().__new__(cls, value)
        found.stored = stored
        return found

    def __reduce__(self) -> tuple:
        return type(self), (bytes(self), self.stored)


class StoredFloat(float):
    """The float in JSON for a Decimal128, which has more digits, or for NaN."""

    stored: Any

    def __new__(cls, value: float, stored: Any) -> "StoredFloat":
        found = super().__new__(cls, value)
        found.stored = stored
        return found

    def __reduce__(self) -> tuple:
        return type(self), (float(self), self.stored)


class StoredUUID(UUID):
    """A UUID that is a key stored as text."""

    __slots__ = ("stored",)
    stored: Any

    def __init__(self, hex: str, stored: Any) -> None:
        super().__init__(hex)
        object.__setattr__(self, "stored", stored)

    @property
    def hex(self) -> StoredText:
        """The digits, which a UUIDField saves and filters by."""
        return StoredText(super().hex, self.stored)

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.stored)


class RoundedDecimal(Decimal):
    """A decimal as its field rounds it, with the number that was `given`."""

    given: Decimal


class RoundedDecimal128(Decimal128):
    """The Decimal128 of a RoundedDecimal, with that of the number `given`."""

    given: Decimal128
