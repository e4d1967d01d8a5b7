"""Fields of Riak's own: keys of text, counters, sets."""

from collections.abc import Iterable

from django.core import checks
from django.db import models

from ..fields import SetField
from ..values.columns import stored_field
from .keys import make_keys

# Digits that sort as their values do, without I, L, O and U.
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13


def make_key() -> str:
    """The next key of keys.py, in 13 characters."""
    (number,) = make_keys(1)
    return "".join(DIGITS[number >> 5 * at & 31] for at in reversed(range(LENGTH)))


class KeyAutoField(models.CharField):
    """Made when the object is, as "0S9TX1B8C4000"; to be the primary key."""

    def __init__(self, *args, **options):
        options = {"max_length": LENGTH, "default": make_key, **options}
        super().__init__(*args, **{"primary_key": True, "editable": False, **options})

    def deconstruct(self):
        name, _, args, options = super().deconstruct()
        for known in ("default", "max_length"):
            options.pop(known, None)
        return name, "nonrel_backend.riak.fields.KeyAutoField", args, options


class Counted(int):
    """The value of a counter as it was read, which is no new one to be stored."""


class CounterField(models.BigIntegerField):
    """A counter of Riak's: update(visits=F("visits") + 1) always counts.

    It can be added to, not set. save() leaves it as it is, unless F() adds to it. On
    other databases it is a BigIntegerField.
    """

    riak_data = "counter"

    def __init__(self, *args, **options):
        super().__init__(*args, **{"default": 0, **options})

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        return name, path, args, {"default": 0, **options}

    def from_db_value(self, value, expression, connection):
        return None if value is None else Counted(value)

    def pre_save(self, model_instance, add):
        value = super().pre_save(model_instance, add)
        if add and type(value) is int:
            setattr(model_instance, self.attname, Counted(value))
        elif not add and isinstance(value, Counted):
            return models.F(self.name)
        return value

    def check(self, **kwargs):
        names = ("null", "unique", "primary_key", "db_index")
        return [*super().check(**kwargs), *data_problems(self, names)]


class RiakSetField(SetField):
    """A set of Riak's: what AddToSet() and Pull() change at the same time is merged.

    On other databases it is a SetField.
    """

    @property
    def riak_data(self) -> str:
        kind = stored_field(self.item_field).get_internal_type()
        return "texts" if kind in TEXTS else "values"

    def check(self, **kwargs):
        return [*super().check(**kwargs), *data_problems(self, ["null"])]


# Items whose stored form is a text.
TEXTS = {
    *("CharField", "TextField", "SlugField", "DateField", "DateTimeField", "TimeField"),
    *("DecimalField", "UUIDField", "BinaryField", "GenericIPAddressField"),
}


def data_problems(field, names: Iterable[str]) -> list[checks.CheckMessage]:
    """What is asked for of an option that a data type has not."""
    return [
        checks.Error(
            f"A {type(field).__name__} takes no {name!r}.",
            obj=field,
            id="nonrel_backend.riak.E001",
        )
        for name in names
        if getattr(field, name)
    ]
