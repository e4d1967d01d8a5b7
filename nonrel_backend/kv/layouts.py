"""What a row is in memory: a dictionary, unless a store has a more compact form."""

from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Any

from ..query import MISSING
from .forms import JSON_NULL

# (column, function from the old stored value to the new one); None is NULL.
Changes = list[tuple[str, Callable[[Any], Any]]]


class DictLayout:
    """Rows as {column: stored value}, without the columns that are NULL.

    None as a value is JSON's null, in a JSON column; functions of rows see it as
    JSON_NULL.
    """

    # Whether rows stay as they are when a column gets another name.
    ignores_names = False

    def __init__(self, table: Any) -> None:
        self.columns = table.columns
        self.json_columns = {
            name for name, each in table.columns.items() if each["db_type"] == "json"
        }

    def narrowed(self, columns: Iterable[str]) -> "DictLayout":
        """Return the layout of rows of which only these columns are read."""
        return self

    def getter(self, name: str) -> Callable[[dict[str, Any]], Any]:
        """Return the function from a row to the stored value of a column."""
        if name not in self.json_columns:
            return methodcaller("get", name)

        def get(row: dict[str, Any]) -> Any:
            value = row.get(name, MISSING)
            if value is None:
                return JSON_NULL
            return None if value is MISSING else value

        return get

    def new(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the row of {column: stored value}, without unknown columns."""
        row = {name: each for name, each in values.items() if name in self.columns}
        for name in self.json_columns:
            if row.get(name) is JSON_NULL:
                row[name] = None
        return row

    def as_dict(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row as {column: stored value}, without the columns that are NULL.

        JSON's null is None.
        """
        return row

    def dict_maker(self, columns: list[str]) -> Callable[[Any], dict[str, Any]]:
        """Return the function from a row to {column: stored value}.

        A column that is NULL may be left out; JSON's null is None.
        """
        return lambda row: row

    def taker(
        self, columns: list[str], absent: list[Any]
    ) -> Callable[[list[Any]], list[list[Any]]]:
        """Return the function from rows to lists of the values of these columns.

        NULL is the column's value in `absent`.
        """
        return lambda rows: [[*map(row.get, columns, absent)] for row in rows]

    def changed(self, row: dict[str, Any], changes: Changes) -> dict[str, Any]:
        """Return a copy of a row after changes of some columns."""
        new = row.copy()
        for name, change in changes:
            value = change(self.getter(name)(row))
            if value is None:
                new.pop(name, None)
            else:
                new[name] = None if value is JSON_NULL else value
        return new

    def differing(self, old: dict[str, Any], new: dict[str, Any]) -> set[str]:
        """Return the names of the columns in which two rows differ."""
        return {
            name
            for name in old.keys() | new.keys()
            if differs(old.get(name, MISSING), new.get(name, MISSING))
        }


def differs(old: Any, new: Any) -> bool:
    """Return whether two stored values are not the same, also inside documents."""
    if old is new:
        return False
    if old != new or type(old) is not type(new):
        return True
    # Inside documents and JSON, too, True is not 1.
    return isinstance(new, (dict, list)) and repr(old) != repr(new)
