"""The forms in which a store holds values, as the core needs to know them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils.functional import cached_property

from ..values.local import to_local
from ..values.storing import INT64
from ..values.wrappers import Json

Matches = Callable[[Any], bool]
# The types whose stored form of an int is that int.
INTEGERS = ("int", "long")
BAD_VALUE = (TypeError, ValueError, OverflowError, ArithmeticError)


class JsonNull:
    """JSON's null as the value of a column; None is SQL's NULL."""

    def __repr__(self) -> str:
        return "null"


JSON_NULL = JsonNull()


def never(value: Any) -> bool:
    return False


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Forms:
    """The stored forms of values, by db_type."""

    # The name of the store, for messages.
    store: str
    # Returns a Python value in its stored form; raises DataError if there is none.
    to_stored: Callable[[str | None, Any], Any]
    # The Python values of stored ones; a type without an entry is stored as Django has
    # it.
    from_stored: Mapping[str, Callable[[Any], Any]]
    # Functions from stored values to bytes that sort like the values: see encoding.py.
    encoders: Mapping[str, Callable[[Any], bytes]]
    # What to compare instead of stored values that do not compare like the values.
    comparable: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    # Whether a stored value is NaN, which counts as NULL, as in SQLite.
    nans: Mapping[str, Matches] = field(default_factory=dict)

    @cached_property
    def readers(self) -> dict[str, Callable[[Any], Any]]:
        """`from_stored`, with DatabaseError for a value of another type."""
        return {
            db_type: checked(convert, db_type)
            for db_type, convert in self.from_stored.items()
        }

    def to_stored_list(self, db_type: str, values: Iterable[Any]) -> list[Any]:
        """Return values but None in their stored form."""
        found = [value for value in values if value is not None]
        if db_type in INTEGERS and set(map(type, found)) == {int}:
            if min(found) in INT64 and max(found) in INT64:
                return found  # the same, in short
        return [self.to_stored(db_type, value) for value in found]

    def to_python(self, db_type: str | None, value: Any) -> Any:
        """Return a stored value other than NULL as Django's Python value."""
        convert = self.readers.get(db_type or "")
        return value if convert is None else convert(value)

    def to_local(self, db_type: str, value: Any) -> Any:
        """Return a stored value, or None for NULL, as the local engine has it."""
        if value is None:
            return None
        if db_type == "json":
            return to_local(Json(None if value is JSON_NULL else value), None)
        return to_local(self.to_python(db_type, value), None)

    def is_nan(self, db_type: str) -> Matches:
        return self.nans.get(db_type, never)

    def compared(self, db_type: str) -> Callable[[Any], Any]:
        """Return the function from a stored value to what compares like the value."""
        return self.comparable.get(db_type, same)


def checked(convert: Callable[[Any], Any], db_type: str | None) -> Callable[[Any], Any]:
    """Return the converter of stored values; it raises DatabaseError for others."""

    def converted(value: Any) -> Any:
        try:
            return convert(value)
        except BAD_VALUE as error:
            raise misplaced(value, db_type) from error

    return converted


def readers_of(store: Any) -> dict[str, Callable[[Any], Any]]:
    """Return {db_type: function from a stored value of a connection to Python's}."""
    forms: Forms = store.forms
    return aware_readers(forms, store.timezone) if settings.USE_TZ else forms.readers


@lru_cache(maxsize=16)
def aware_readers(forms: Forms, zone: Any) -> dict[str, Callable[[Any], Any]]:
    """Return the readers with USE_TZ, for a connection with this time zone."""
    convert = forms.from_stored["datetime"]

    def aware(value: Any) -> Any:
        try:
            return convert(value).replace(tzinfo=zone)
        except BAD_VALUE as error:
            raise misplaced(value, "datetime") from error

    return {**forms.readers, "datetime": aware}


def misplaced(value: Any, db_type: str | None) -> DatabaseError:
    """Return the error for a stored value of another type than its column."""
    return DatabaseError(f"The store holds {value!r}, which is not a {db_type}.")
