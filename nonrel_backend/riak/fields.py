"""KeyAutoField: a primary key of text, in the order of creation."""

from django.db import models

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
