"""Updates that leave alone the values whose form alone they would change."""

import re
from collections.abc import Callable, Collection
from datetime import datetime, time
from typing import Any

from bson import Binary, ObjectId

from .stored import RoundedDecimal128

Document = dict[str, Any]
# What an update's parts do, where a pipeline can do it with other forms left alone.
PLAIN = {"$set", "$unset"}
# The texts that json_reader() makes of ObjectIds and dates.
OBJECT_ID = re.compile("[0-9a-f]{24}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# Of binary data, but for that of plain bytes.
SUBTYPES = (1, 2, 3, 4, 5, 6, 128)


class KeepingUpdate(list):
    """A pipeline that sets the values of a plain update, but leaves equal ones alone.

    `plain` is the plain update: for the server it leads to equal values.
    """

    def __init__(self, stages: list[Document], plain: Document) -> None:
        super().__init__(stages)
        self.plain = plain


def keeping(
    update: Document,
    keys: Collection[str],
    types: dict[str, str | None],
    json_has_null: bool,
) -> Any:
    """Return the update, which leaves values under `keys` alone that are equal.

    `types` are the db_types of keys; `json_has_null` says whether null in JSON is a
    value, not NULL. An update that also changes parts of documents stays as it is.
    """
    if update.keys() - PLAIN or any("." in key for key in update.get("$set", ())):
        return update
    changes = {
        key: kept(types.get(key), key, value) if key in keys else {"$literal": value}
        for key, value in update.get("$set", {}).items()
    }
    for key in update.get("$unset", ()):
        changes[key] = kept_null(key, json_has_null and types.get(key) == "json")
    # A pipeline sets something.
    return KeepingUpdate([{"$set": changes}], update) if changes else {"$set": {}}


def kept(db_type: str | None, key: str, value: Any) -> Document:
    """Return the expression for `value`, or what is stored if it means the same."""
    same = same_value(db_type, f"${key}", value)
    chosen = {"$cond": [same, f"${key}", "$$new"]}
    return {"$let": {"vars": {"new": {"$literal": value}}, "in": chosen}}


def kept_null(key: str, is_value: bool) -> Any:
    """Return the expression for NULL: a null that is stored stays.

    Not if it `is_value`, JSON's null.
    """
    if is_value:
        return "$$REMOVE"
    return {"$cond": [{"$eq": [f"${key}", None]}, f"${key}", "$$REMOVE"]}


def same_value(db_type: str | None, path: str, value: Any) -> Document:
    """Return the expression for whether the stored value means the same as $$new."""
    read = READ_AS.get(db_type or "")
    if read is not None:
        test, convert = read
        path = {"$cond": [test(path), convert(path), path]}  # type: ignore[assignment]
    same: Document = {"$eq": [path, "$$new"]}
    others = FORMS.get(db_type or "", decimals_of)(value)
    return {"$or": [same, {"$in": [path, {"$literal": others}]}]} if others else same


def decimals_of(value: Any) -> list[Any]:
    """Return the number which was given, if its field has rounded it."""
    return [value.given] if type(value) is RoundedDecimal128 else []


def json_of(value: Any) -> list[Any]:
    """Return a JSON value with what its texts may stand for, if it has such.

    They do so where forms and the local engine have had the JSON in their hands.
    """
    other = other_json(value)
    return [] if other == value else [other]


def other_json(value: Any) -> Any:
    """Return a JSON value with ObjectIds and dates in the place of their texts."""
    if isinstance(value, dict):
        return {key: other_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [other_json(item) for item in value]
    if type(value) is str:
        if OBJECT_ID.fullmatch(value):
            return ObjectId(value)
        if DATE.fullmatch(value):
            return date_of(value)
    return value


def date_of(text: str) -> Any:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text


def binaries_of(value: bytes) -> list[bytes]:
    """Return the bytes in the other subtypes."""
    return [Binary(value, subtype) for subtype in SUBTYPES]


def texts_of(value: str) -> list[str]:
    """Return the texts of a time, of which isoformat() is one."""
    found = time.fromisoformat(value)
    forms = ("hours", "minutes", "seconds", "milliseconds", "microseconds")
    texts = [found.isoformat(timespec=form) for form in forms]
    return [text for text in texts if time.fromisoformat(text) == found]


FORMS: dict[str, Callable[[Any], list[Any]]] = {
    "time": texts_of,
    "json": json_of,
    "document": json_of,
    "binary": binaries_of,
}


def is_number(path: str) -> Document:
    return {"$isNumber": path}


def is_date(path: str) -> Document:
    return {"$eq": [{"$type": path}, "date"]}


# By db_type, which values of other types fields read, and as what.
READ_AS: dict[str, tuple[Any, Any]] = {
    "double": (is_number, lambda path: {"$toDouble": path}),
    "decimal": (is_number, lambda path: {"$toDecimal": path}),
    "bool": (is_number, lambda path: {"$toBool": path}),
    "date": (is_date, lambda path: {"$dateTrunc": {"date": path, "unit": "day"}}),
}
