"""A table: its bucket, the keys of its objects, and rows as objects and back."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ..conditions import Column, Step
from ..documents.functions import at_path
from ..kv.json_values import dumped, loaded
from .client.client import content
from .terms import NULLS, TERMS, escaped, index_name, is_nan, term
from .transforms import Transform, index_of, is_possible, term_of
from .values import object_key
from .versions import NAME, Writes

Row = dict[str, Any]


def path_name(path: Column) -> str:
    """Return the name of the index of a document path, without its type.

    All items of a list share one index.
    """
    steps = [str(step) for step in path.path if not isinstance(step, Step)]
    return ".".join([path.name, "", *steps])


class Table:
    """A table as RiakCatalog.table() makes it.

    `indexed`, `transformed` and `paths` are what rows have index entries for;
    `searched`, `searched_transformed` and `searched_paths` those of them that all rows
    have, so that queries may use them.
    """

    def __init__(
        self,
        name: str,
        bucket: bytes,
        key: list[tuple[str, str]],
        columns: dict[str, str],
        indexed: set[str],
        searched: set[str],
        has_unique: bool = False,
        transformed: set[Transform] = frozenset(),  # type: ignore[assignment]
        searched_transformed: set[Transform] = frozenset(),  # type: ignore[assignment]
        data: Mapping[str, Any] = MappingProxyType({}),
        paths: Iterable[Column] = (),
        searched_paths: Iterable[Column] = (),
    ) -> None:
        self.name = name
        self.bucket = bucket
        self.key = key
        self.key_types = [db_type for _, db_type in key]
        # {name: db_type}
        self.columns = columns
        # [(column, db_type, index)]
        self.indexed = [
            (column, columns[column], index_name(column, columns[column]))
            for column in sorted(indexed)
            if columns.get(column) in TERMS
        ]
        self.transformed = [
            (column, columns[column], kind, index_of(column, kind))
            for column, kind in sorted(transformed)
            if is_possible(kind, columns.get(column))
        ]
        self.searched_transformed = {
            (column, kind)
            for column, kind in searched_transformed
            if is_possible(kind, columns.get(column))
        }
        self.paths = [
            (path, path_name(path), index_name(path_name(path), path.db_type))
            for path in dict.fromkeys(paths)
            if path.db_type in TERMS
        ]
        self.searched_paths = set(searched_paths)
        # Whether there are unique values besides the key.
        self.has_unique = has_unique
        # {name: DataColumn} of columns that are objects of their own; see datatypes.py.
        self.data = data
        self.searched = {c for c in searched if columns.get(c) in TERMS}

    def object_key(self, key: Any) -> bytes:
        """Return the key of the object of the row with this stored primary key."""
        values = [key] if len(self.key) == 1 else list(key)
        return object_key(self.key_types, values)

    def key_of(self, row: Row) -> bytes:
        values = [row[column] for column, _ in self.key]
        return object_key(self.key_types, values)

    def entries(self, row: Row) -> list[tuple[bytes, bytes]]:
        """Return [(index, term)] of a row."""
        found = []
        for column, db_type, index in self.indexed:
            value = row.get(column)
            if value is None or is_nan(db_type, value):
                found.append((NULLS, escaped(column)))
            else:
                found.append((index, term(db_type, value)))
        for column, db_type, kind, index in self.transformed:
            value = row.get(column)
            if not (value is None or is_nan(db_type, value)):
                found.append((index, term_of(kind, db_type, value)))
        for path, name, index in self.paths:
            terms = {
                term(path.db_type, value)
                for value in at_path(row.get(path.name), path.path)
                if not is_nan(path.db_type, value)
            }
            found += [(index, each) for each in terms] or [(NULLS, escaped(name))]
        return found

    def content(self, row: Row, writes: Writes | None = None) -> Any:
        """Return the content of a row's object, with its writes (see versions.py)."""
        own = {c: v for c, v in row.items() if c not in self.data} if self.data else row
        found = content(dumped(own), self.entries(row))
        if writes is not None and writes.count:
            found.usermeta.add(key=NAME, value=str(writes).encode())
        return found

    def row(self, found: Any) -> Row:
        """Return the row of an object's content."""
        return loaded(found.value, f"bucket {self.bucket.decode()}")
