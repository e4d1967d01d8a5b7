"""Fields that only Riak has: text keys, counters and sets."""

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.db import models

from ..fields import SetField
from ..kv.keys import make_keys
from ..values.columns import stored_field

# Digits that sort as their values do, without I, L, O and U.
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 13 characters of 5 bits hold the 63 bits of a key.
LENGTH = 13


def make_key() -> str:
    """Return the next key of kv/keys.py in 13 characters."""
    (number,) = make_keys(1)
    return "".join(DIGITS[number >> 5 * at & 31] for at in reversed(range(LENGTH)))


class KeyAutoField(models.CharField):
    """A text primary key that is made with the object, such as "0S9TX1B8C4000"."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options = {"max_length": LENGTH, "default": make_key, **options}
        super().__init__(*args, **{"primary_key": True, "editable": False, **options})

    def deconstruct(self) -> tuple:
        name, _, args, options = super().deconstruct()
        for known in ("default", "max_length"):
            options.pop(known, None)
        return name, "nonrel_backend.riak.fields.KeyAutoField", args, options


class Counted(int):
    """The value of a counter that was read from the store: not a new one to store."""


class CounterField(models.BigIntegerField):
    """A Riak counter: no update(visits=F("visits") + 1) is ever lost.

    A counter can be added to, but not set. save() does not change it, unless F() adds
    to it. On other databases it is a BigIntegerField.
    """

    riak_data = "counter"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"default": 0, **options})

    def deconstruct(self) -> tuple:
        name, path, args, options = super().deconstruct()
        return name, path, args, {"default": 0, **options}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else Counted(value)

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if add and type(value) is int:
            setattr(model_instance, self.attname, Counted(value))
        elif not add and isinstance(value, Counted):
            return models.F(self.name)
        return value

    def check(self, **kwargs: Any) -> list:
        names = ("null", "unique", "primary_key", "db_index")
        return [*super().check(**kwargs), *data_problems(self, names)]


class RiakSetField(SetField):
    """A Riak set: concurrent AddToSet() and Pull() are merged.

    On other databases it is a SetField.
    """

    @property
    def riak_data(self) -> str:
        kind = stored_field(self.item_field).get_internal_type()
        return "texts" if kind in TEXTS else "values"

    def check(self, **kwargs: Any) -> list:
        return [*super().check(**kwargs), *data_problems(self, ["null"])]


# The types of items whose stored form is text.
TEXTS = {
    *("CharField", "TextField", "SlugField", "DateField", "DateTimeField", "TimeField"),
    *("DecimalField", "UUIDField", "BinaryField", "GenericIPAddressField"),
}


def data_problems(field: Any, names: Iterable[str]) -> list[checks.CheckMessage]:
    """Return an error for each of these options that the field sets."""
    return [
        checks.Error(
            f"{type(field).__name__} does not support {name!r}.",
            obj=field,
            id="nonrel_backend.E020",
        )
        for name in names
        if getattr(field, name)
    ]
