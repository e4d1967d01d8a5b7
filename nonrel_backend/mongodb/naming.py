"""How the reasons of refusals name columns and lookups."""

from ..conditions import Column, Leaf, Step


def column_name(column: Column) -> str:
    """Return a column or path as a user writes it: `address__city`."""
    steps = [
        step.value if isinstance(step, Step) else str(step) for step in column.path
    ]
    return "__".join([column.name, *steps])


def lookup_name(leaf: Leaf) -> str:
    """Return a lookup as a user writes it: `address__city__contains`."""
    return f"{column_name(leaf.column)}__{leaf.lookup_type}"
