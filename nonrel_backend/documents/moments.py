"""Where the datetimes of models and their documents are, to split and join them.

A hidden key (microseconds.py) is beside each key of a datetime, and of a list of them.
Fields tell where these are: any other key is the users', whatever its name.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import DataError

from ..caching import IdentityCache
from ..microseconds import SUFFIX, hidden, is_hidden, joined, split
from ..values.columns import stored_field

Document = dict[str, Any]
CACHED = 5_000


class Keys:
    """The keys of a model's documents under which there are datetimes."""

    def __init__(self, fields: dict[str, Any], hidden_keys: Iterable[str]) -> None:
        self.fields, self.hidden = fields, frozenset(hidden_keys)


class Moments:
    """The datetimes in the values that a store holds, by the fields of the values.

    `type_of` returns the db_type of a field.
    """

    def __init__(self, type_of: Callable[[Any], str | None]) -> None:
        self.type_of = type_of
        # Whether a field holds a datetime, or a list of them, in any depth.
        self.is_moment = IdentityCache(self.found_moment, CACHED)
        # The Keys of a model, by its options.
        self.keys = IdentityCache(self.keys_of, CACHED)

    def found_moment(self, field: Any) -> bool:
        if getattr(field, "empty", None) in (list, set):
            return self.found_moment(field.item_field)
        return self.type_of(stored_field(field)) == "datetime"

    def holds(self, field: Any) -> bool:
        """Return whether a field holds datetimes, at any depth of its documents."""
        waiting = [field]
        seen: set[Any] = set()
        while waiting:
            inner = waiting.pop()
            if self.is_moment(inner):
                return True
            if getattr(inner, "embeds", False):
                new = set(inner.allowed.values()) - seen
                seen |= new
                waiting += [
                    each for model in new for each in model._meta.concrete_fields
                ]
            elif hasattr(inner, "item_field"):
                waiting.append(inner.item_field)
        return False

    def keys_of(self, meta: Any) -> Keys:
        fields = {
            each.column: each
            for each in meta.local_concrete_fields
            if each.column and self.holds(each)
        }
        moments = [key for key, field in fields.items() if self.is_moment(field)]
        return Keys(fields, map(hidden, moments))

    # --- writing ---

    def split_row(self, meta: Any, row: Document) -> Document:
        """Return a document of a model with its datetimes cut and hidden ones beside.

        Raise DataError for a key of a dictionary that is a hidden one's.
        """
        keys: Keys = self.keys(meta)
        if not keys.fields:
            return row
        new: Document = {}
        for key, value in row.items():
            if key in keys.fields:
                new |= self.split_under(keys.fields[key], key, value)
            elif key not in keys.hidden:  # or else of what another program removed
                new[key] = value
        return new

    def split_under(self, field: Any, key: str, value: Any) -> Document:
        """Return {key: value} of a field that holds datetimes, with what is hidden."""
        if self.is_moment(field):
            return split(key, value)
        return {key: self.split(field, value)}

    def split(self, field: Any, value: Any) -> Any:
        """Return the same of a document of a field."""
        if type(value) is dict:
            if getattr(field, "embeds", False):
                model = self.model_of(field, value)
                return value if model is None else self.split_row(model._meta, value)
            if self.is_moment(field.item_field):
                new: Document = {}
                for key, item in value.items():
                    refuse_hidden(key)
                    new |= split(key, item)
                return new
            item_field = field.item_field
            return {key: self.split(item_field, item) for key, item in value.items()}
        if type(value) is list:
            return [self.split(field.item_field, item) for item in value]
        return value

    # --- reading ---

    def join_row(self, meta: Any, row: Document) -> None:
        """Make the datetimes in a document of a model whole, in place.

        Remove the hidden ones, also those that no longer belong to a datetime.
        """
        keys: Keys = self.keys(meta)
        for key, field in keys.fields.items():
            self.join_under(field, key, row)

    def join_under(self, field: Any, key: str, row: Document) -> None:
        """Do the same with one key, whose field holds datetimes."""
        if not self.is_moment(field):
            self.join(field, row.get(key))
            return
        rest = row.pop(hidden(key), None)
        if rest is not None and key in row:
            row[key] = joined(row[key], rest)

    def join(self, field: Any, value: Any) -> None:
        """Do the same in a document of a field."""
        if type(value) is dict:
            if getattr(field, "embeds", False):
                model = self.model_of(field, value)
                if model is not None:
                    self.join_row(model._meta, value)
            elif self.is_moment(field.item_field):
                join_items(value)
            else:
                for item in value.values():
                    self.join(field.item_field, item)
        elif type(value) is list:
            for item in value:
                self.join(field.item_field, item)

    @staticmethod
    def model_of(field: Any, document: Document) -> Any:
        """Return the model of a field's document, None for one that is not allowed."""
        if field.is_polymorphic:
            return field.allowed.get(document.get("_model"))
        (model,) = field.allowed.values()
        return model


def moments_of(store: Any) -> Moments:
    """Return the Moments of a connection."""
    found: Moments | None = getattr(store, "document_moments", None)
    if found is None:
        found = store.document_moments = Moments(store.type_of)
    return found


def refuse_hidden(key: str) -> None:
    """Raise DataError for a key of datetimes that is a hidden one's."""
    if is_hidden(key):
        raise DataError(
            f"The key {key!r} ends in {SUFFIX!r}, as do the keys that hold the "
            "microseconds of the datetimes beside them. Use another key."
        )


def join_items(values: Document) -> None:
    """Make the datetimes in a dictionary whole, in place."""
    for key in [key for key in values if is_hidden(key) and has_number(values[key])]:
        rest, name = values.pop(key), key.removesuffix(SUFFIX)
        if name in values:
            values[name] = joined(values[name], rest)


def has_number(value: Any) -> bool:
    """Return whether a value is a hidden one, and not a user's datetimes."""
    return (
        any(map(has_number, value))
        if type(value) is list
        else isinstance(value, (int, float))
    )
