"""What a field's column holds."""

from typing import Any


def stored_field(field: Any) -> Any:
    """Return the field whose values the column holds: a foreign key's target."""
    while field.remote_field and getattr(field, "target_field", None):
        field = field.target_field
    return field


def collated(field: Any) -> bool:
    """Return whether the column compares otherwise than by code points."""
    return bool(getattr(stored_field(field), "db_collation", None))


SIZES = ["", "Big", "Small", "Positive", "PositiveBig", "PositiveSmall"]
KINDS: list[set[str]] = [
    {f"{size}{kind}Field" for size in SIZES for kind in ("Integer", "Auto")},
    {"CharField", "TextField", "SlugField"},
]


def of_one_kind(store: Any, left: Any, right: Any) -> bool:
    """Return whether values of one field can be looked up in the other's column."""
    left, right = stored_field(left), stored_field(right)
    names = {left.get_internal_type(), right.get_internal_type()}
    if len(names) == 1 or any(names <= kind for kind in KINDS):
        return True
    related = isinstance(left, type(right)) or isinstance(right, type(left))
    return related and left.db_type(store) == right.db_type(store)
