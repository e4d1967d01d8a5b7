"""Tables of LMDB: their rows are lists of values by position."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from ..catalog.indexes import columns_of
from ..catalog.schema import REMOVED_KEY
from ..kv.forms import JSON_NULL
from ..kv.layouts import Changes, differs
from ..kv.tables import Table
from ..kv.trees import RESERVED
from .values import FORMS, unpack_columns, unpack_rows

# The version of the format of catalog, rows and index entries. Entries of the catalog
# in format 1 name columns by their positions. Up to format 2 there are no checksums;
# in format 3, those tables have them whose entries say so.
FORMAT = 3
FORMAT_KEY = RESERVED + b"format"
# LMDB's keys have at most 511 bytes (MDB_MAXKEYSIZE): the number of the tree, values of
# columns, the key of the row. Longer values and keys end with a hash, and are not in
# order then. 160 bytes hold any integer or UUID, a composite key of some of them, and
# text of up to 157 bytes.
ROW_KEY_SIZE = 160
PAYLOAD_SIZE = 511 - len(RESERVED) - ROW_KEY_SIZE
# How many choices of a table's columns are remembered.
LAYOUTS_REMEMBERED = 200
# What an index on these functions is called in format 1.
FUNCTIONS = {"fold": "LOWER", "lower": "LOWER", "upper": "UPPER", "reverse": "REVERSE"}


class LMDBTable(Table):
    """A table whose rows are lists of values by position."""

    key_size, payload_size = ROW_KEY_SIZE, PAYLOAD_SIZE

    def __init__(self, name: str, entry: dict[str, Any]) -> None:
        super().__init__(name, entry, FORMS)

    def make_layout(self) -> "ListLayout":
        return ListLayout(self)


class ListLayout:
    """Rows as lists of stored values, each at the position of its column."""

    ignores_names = True

    def __init__(self, table: Table) -> None:
        self.table = table
        self.width: int = table.entry["width"]
        self.positions: dict[str, int] = {
            name: column["position"] for name, column in table.columns.items()
        }
        self.names = {position: name for name, position in self.positions.items()}
        self.json_columns = {
            name for name, each in table.columns.items() if each["db_type"] == "json"
        }
        self.narrow: dict[tuple[str, ...], ListLayout] = {}

    def narrowed(self, columns: Iterable[str]) -> "ListLayout":
        names = tuple(dict.fromkeys(columns))
        found = self.narrow.get(names)
        if found is None:
            is_worth_it = 2 * len(names) <= self.width or not self.json_columns <= {
                *names
            }
            found = NarrowLayout(self, names) if is_worth_it else self
            if len(self.narrow) >= LAYOUTS_REMEMBERED:
                self.narrow.clear()
            self.narrow[names] = found
        return found

    def unpacked(self, data: list[bytes]) -> list[Any]:
        """Return rows of their bytes."""
        entry = self.table.entry
        return unpack_rows(data, self.width, "checksums" in entry)

    def position(self, name: str) -> int:
        """Return the position of a column; raise ProgrammingError for none."""
        self.table.column(name)
        return self.positions[name]

    def getter(self, name: str) -> Callable[[list[Any]], Any]:
        return itemgetter(self.position(name))

    def new(self, values: dict[str, Any]) -> list[Any]:
        row = [None] * self.width
        for name, value in values.items():
            position = self.positions.get(name)
            if position is None:
                continue
            if value is None and name in self.json_columns:
                value = JSON_NULL
            row[position] = value
        return row

    def as_dict(self, row: list[Any]) -> dict[str, Any]:
        return {
            name: None if row[at] is JSON_NULL else row[at]
            for name, at in self.positions.items()
            if row[at] is not None
        }

    def dict_maker(self, columns: list[str]) -> Callable[[list[Any]], dict[str, Any]]:
        positions = [self.position(column) for column in columns]
        if len(positions) == 1:
            (column,), (position,) = columns, positions

            def as_dict(row: list[Any]) -> dict[str, Any]:
                return {column: row[position]}

        else:
            take = itemgetter(*positions)

            def as_dict(row: list[Any]) -> dict[str, Any]:
                return dict(zip(columns, take(row), strict=True))

        json_columns = [column for column in columns if column in self.json_columns]
        if not json_columns:
            return as_dict

        def with_json(row: list[Any]) -> dict[str, Any]:
            found = as_dict(row)
            for column in json_columns:
                if found[column] is None:
                    del found[column]
                elif found[column] is JSON_NULL:
                    found[column] = None
            return found

        return with_json

    def taker(
        self, columns: list[str], absent: list[Any]
    ) -> Callable[[list[list[Any]]], list[list[Any]]]:
        positions = [self.position(column) for column in columns]
        json_columns = [
            (at, absent[at])
            for at, column in enumerate(columns)
            if column in self.json_columns
        ]
        if positions == list(range(self.width)):

            def take(rows: list[list[Any]]) -> list[list[Any]]:
                return rows

        elif len(positions) == 1:
            (position,) = positions

            def take(rows: list[list[Any]]) -> list[list[Any]]:
                return [[row[position]] for row in rows]

        else:
            pick = itemgetter(*positions)

            def take(rows: list[list[Any]]) -> list[list[Any]]:
                return list(map(list, map(pick, rows)))

        if not json_columns:
            return take

        def with_json(rows: list[list[Any]]) -> list[list[Any]]:
            taken = list(map(list, take(rows)))
            for at, null in json_columns:
                for row in taken:
                    value = row[at]
                    if value is None:
                        row[at] = null
                    elif value is JSON_NULL:
                        row[at] = None
            return taken

        return with_json

    def changed(self, row: list[Any], changes: Changes) -> list[Any]:
        new = row.copy()
        for name, change in changes:
            position = self.position(name)
            new[position] = change(row[position])
        return new

    def differing(self, old: list[Any], new: list[Any]) -> set[str]:
        return {
            self.names[at]
            for at, (before, value) in enumerate(zip(old, new, strict=True))
            if before is not value and differs(before, value)
        }


class NarrowLayout(ListLayout):
    """Some columns of rows, as tuples: the others are not unpacked."""

    def __init__(self, whole: ListLayout, columns: tuple[str, ...]) -> None:
        super().__init__(whole.table)
        self.row_width = whole.width
        self.of_row = [whole.position(name) for name in columns]
        self.width = len(columns)
        self.positions = {name: at for at, name in enumerate(columns)}

    def unpacked(self, data: list[bytes]) -> list[Any]:
        checksums = "checksums" in self.table.entry
        return unpack_columns(data, self.row_width, self.of_row, checksums)


def place_columns(entry: dict[str, Any]) -> None:
    """Give the columns of an entry that have no position the next ones."""
    width: int = entry.setdefault("width", 0)
    for column in entry["columns"]:
        if "position" not in column:
            column["position"] = width
            width += 1
    entry["width"] = width


def converted(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a table in the present format."""
    if "key" in entry:
        return entry
    for column in entry["columns"]:
        if column["name"] == "\0removed":
            column["name"] = REMOVED_KEY
    names = {each["position"]: each["name"] for each in entry["columns"]}
    entry["key"] = [each["name"] for each in entry["columns"] if each["pk"]]
    for index in entry["indexes"]:
        old = index["parts"]
        index["parts"] = [part_of(names.get(at, ""), what) for at, _, what in old]
        index["descending"] = [bool(descending) for _, descending, _ in old]
        index["condition"] = condition_of(index.get("condition"))
        index["columns"] = columns_of(index)
    return entry


def part_of(name: str, what: Any) -> Any:
    """Return a part of an index of format 1: of a column, and what is made of it."""
    if what is None:
        return name
    if isinstance(what, str):
        return {"sql": f'{FUNCTIONS[what]}("{name}")', "columns": [name]}
    if "path" in what:
        return {**what, "columns": [name]}
    return {**what, "sql": what["sql"].replace("%", "%%")}


def condition_of(condition: Any) -> Any:
    """Return the condition of a partial index of format 1."""
    if isinstance(condition, list):
        columns = sorted(columns_in(condition))
        return {"sql": None, "columns": columns, "tree": condition}
    if condition is None:
        return None
    return {**condition, "sql": condition["sql"].replace("%", "%%")}


def columns_in(tree: list[Any]) -> set[str]:
    """Return the names of the columns in a dumped condition: see catalog.partial."""
    kind, *rest = tree
    if kind != "LEAF":
        return set().union(*map(columns_in, rest[0]))
    (name, _), _, value, _ = rest
    return {name, value["column"][0]} if isinstance(value, dict) else {name}
