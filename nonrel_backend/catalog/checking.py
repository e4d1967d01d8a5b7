"""`nonrel_check` for stores with the toolkit's catalog: unique values and next keys."""

from collections.abc import Iterator
from typing import Any

from .tables import table_model
from .unique import UniqueIndexes

SEQUENCED = ("AutoField", "BigAutoField", "SmallAutoField")


def problems(store: Any, fix: bool) -> Iterator[str]:
    """Yield a sentence for each fault; with `fix`, advance sequences past the keys."""
    for table in store.catalog.names():
        entry = store.catalog.entry(table)
        uniques = UniqueIndexes(store, table_model(table, entry), entry["indexes"])
        rows = uniques.rows.find()
        for index in uniques.indexes:
            values = [each for each in uniques.values(index, rows) if each is not None]
            if len(values) > len(set(values)):
                yield f"{table}: {uniques.duplicate(index)}"
        for column in entry["columns"]:
            if column["pk"] and column["internal_type"] in SEQUENCED:
                to_python = uniques.rows.to_python(column["name"])
                keys = [to_python(row[column["name"]]) for row in rows]
                yield from key_problems(store, table, keys, fix)


def key_problems(store: Any, table: str, keys: list[int], fix: bool) -> Iterator[str]:
    next_key = (store.catalog.last_key(table) or 0) + 1
    if keys and max(keys) >= next_key:
        yield f"{table}: the next key, {next_key}, is not after {max(keys)}, a row's"
        if fix:
            store.catalog.advance(table, max(keys))
