"""Tables that stay in the local engine, and follow the changes of the store's."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Any, TypeAlias

from ..planner.refusal import Refused
from .table_source import TableSource

# Reading one row from LMDB takes as long as scanning about this many rows of a cached
# table: `python -m benchmarks.cache` measures the ratio.
CACHED_ROWS_PER_READ = 40
STATEMENTS_REMEMBERED = 2_000
# Loading fewer rows than this is cheaper than renaming a cached table twice (an
# estimate): for that SQLite reads the texts of its whole schema. So few are joined in
# any order.
FEW_ROWS = 50
# Replacing a row by its key costs as much as loading about this many rows.
ROWS_PER_CHANGE = 3
# What NonrelQuery.changed_since() returns.
Changed: TypeAlias = dict[Any, AbstractSet[str] | None]
# How often changes are followed that others make meanwhile.
ATTEMPTS = 3


@dataclass
class CachedTable:
    """All rows of a table, as they were under a version."""

    # Its name while no statement reads it, so that none does by mistake.
    name: str
    version: Any
    columns: set[str]
    rows: int = 0
    # Whether it has the table's own name just now.
    in_place: bool = False
    # Two versions, and what it costs to bring the table from one to the other.
    way: tuple[Any, Any, float] | None = None


class TableCache:
    """The cached tables of one local engine: at most `store.kept_rows` rows."""

    def __init__(self, engine: Any):
        self.engine = engine
        # The table used last comes last.
        self.tables: dict[str, CachedTable] = {}
        self.number = 0
        # How many rows a statement read of a table of which it needs a part only.
        self.parts: dict[tuple[str, str], int] = {}
        # How many rows all statements read so, but for what loads have cost.
        self.spent: Counter[str] = Counter()
        # The tables of which a scan of the store has read many rows.
        self.scanned: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether a cached table is in the place of a statement's."""
        cached = self.tables.get(name)
        return cached is not None and cached.in_place

    def note_part(self, statement: str, name: str, rows: int) -> None:
        """Record that a statement read `rows` rows of a table, not all of it."""
        if len(self.parts) >= STATEMENTS_REMEMBERED:
            self.parts.clear()
        self.parts[statement, name] = rows
        self.spent[name] += rows

    def pays(
        self, statement: str, source: TableSource, columns: list[str], version: Any
    ) -> bool:
        """Return whether scanning the cached table is cheaper than reading a part.

        Also true if the parts read so far have cost more than caching the whole table,
        or following its changes, would.
        """
        name = source.table.name
        part = self.parts.get((statement, name), 0)
        cached = self.tables.get(name)
        if cached is not None and cached.columns.issuperset(columns):
            if cached.rows >= part * CACHED_ROWS_PER_READ:
                return False
            cost = self.way(cached, source, version)
            if cost <= self.spent[name] and self.follow(cached, source, version):
                self.spent[name] -= int(cost)
                return True
        if not part:
            return False
        rows = source.query.count()
        most = min(part * CACHED_ROWS_PER_READ, self.engine.store.kept_rows)
        return FEW_ROWS <= rows < self.spent[name] and rows <= most

    def may_pay(self, scan: Any) -> bool:
        """Return whether pays() may be true for a TableScan that read many rows."""
        name = scan.query.table
        if name not in self.scanned:
            return False
        part = self.parts.get((scan.name, name))
        if part is None:
            return False
        cached = self.tables.get(name)
        if cached is None:
            return self.spent[name] > part
        return cached.rows < part * CACHED_ROWS_PER_READ

    def fill(self, source: TableSource, columns: list[str], version: Any) -> int:
        """Fill the statement's own empty table with all rows of these columns.

        They are cached, unless they are few. Return their number.
        """
        table = source.table
        cached = self.tables.get(table.name)
        if cached is None:
            return self.load(source, columns, version)
        missing = not cached.columns.issuperset(columns)
        if missing or not self.follow(cached, source, version):
            if missing:
                self.forget(cached, table.name)
            columns = [*columns, *cached.columns.difference(columns)]
            return self.load(source, columns, version)
        connection = self.engine.wrapper.connection
        connection.execute(f"DROP TABLE {self.engine.quote(table.name)}")
        self.rename(cached.name, table.name)
        cached.in_place = True
        self.tables[table.name] = self.tables.pop(table.name)
        return cached.rows

    def load(self, source: TableSource, columns: list[str], version: Any) -> int:
        """Read all rows into the statement's own table; return their number."""
        engine, table = self.engine, source.table
        connection = engine.wrapper.connection
        if table.key is not None and table.key not in columns:
            columns = [*columns, table.key]
        if table.is_keyed:
            name = engine.quote(table.name)
            connection.execute(f"DROP TABLE {name}")
            connection.execute(f"CREATE TABLE {name} ({table.keyed_definition})")
        self.number += 1
        cached = CachedTable(
            f"nonrel_cached_{self.number}",
            (version, *self.circumstances(table)),
            set(columns),
            in_place=True,
        )
        rows = chain.from_iterable(counted(source.rows(columns), cached))
        engine.insert(connection, table.name, columns, rows, indexes=False)
        if cached.rows < FEW_ROWS:
            return cached.rows
        keyed = {table.key} if table.is_keyed else set()
        indexed = [each for each in columns if each not in keyed]
        engine.create_indexes(connection, table, indexed)
        self.spent[table.name] = max(0, self.spent[table.name] - cached.rows)
        self.tables[table.name] = cached
        return cached.rows

    def circumstances(self, table: Any) -> tuple[Any, ...]:
        """Return what the cached values depend on besides the store's version."""
        return table, self.engine.store.timezone

    # --- following ---

    def way(self, cached: CachedTable, source: TableSource, version: Any) -> float:
        """Return what it costs to bring a cached table to a version, in rows loaded."""
        known = cached.version[0]
        if version == known:
            return 0
        if cached.way is None or cached.way[:2] != (known, version):
            changed = source.query.changed_since(known)
            cost = inf if changed is None else self.cost(cached, changed)
            cached.way = known, version, cost
        return cached.way[2]

    def cost(self, cached: CachedTable, changed: Changed) -> int:
        """Return what it costs to read changed rows again, in rows loaded."""
        return ROWS_PER_CHANGE * sum(
            len(keys)
            for columns, keys in parts(cached, changed).items()
            if columns is None or columns
        )

    def follow(self, cached: CachedTable, source: TableSource, version: Any) -> bool:
        """Bring a cached table to a version, by the rows that have changed.

        Drop it, and return False, if that cannot be, or would cost more than a load.
        """
        known, *circumstances = cached.version
        is_right = tuple(circumstances) == self.circumstances(source.table)
        try:
            for _ in range(ATTEMPTS if is_right else 0):
                if version == known:
                    return True
                if version is None or not self.replace(cached, source, known):
                    break
                # Rows that others have changed meanwhile are of a later version.
                known, version = version, source.query.version()
                cached.version = (known, *circumstances)
        except Refused:
            pass  # the store does not find the rows that have changed
        except BaseException:
            if not self.engine.is_full:  # else all tables go
                self.forget(cached, source.table.name)
            raise
        self.forget(cached, source.table.name)
        return False

    def replace(self, cached: CachedTable, source: TableSource, known: Any) -> bool:
        """Read the rows again that changed since a version; return whether that can be
        done, and pays.
        """
        table = source.table
        changed = None if table.key is None else source.query.changed_since(known)
        if changed is None or self.cost(cached, changed) > cached.rows:
            return False
        for columns, keys in parts(cached, changed).items():
            if columns is None:
                self.replace_rows(cached, source, keys)
            elif columns:
                self.change_columns(cached, source, [*columns], keys)
        return cached.rows >= FEW_ROWS

    def change_columns(
        self,
        cached: CachedTable,
        source: TableSource,
        columns: list[str],
        keys: list[Any],
    ) -> None:
        """Read some columns again of the rows with these stored keys."""
        connection, quote = self.engine.wrapper.connection, self.engine.quote
        key = source.table.key
        values = ", ".join(f"{quote(column)} = ?" for column in columns)
        rows = chain.from_iterable(source.rows_of([*columns, key], keys))
        connection.execute("BEGIN")
        try:
            connection.executemany(
                f"UPDATE {cached.name} SET {values} WHERE {quote(key)} = ?", rows
            )
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")

    def replace_rows(
        self, cached: CachedTable, source: TableSource, keys: list[Any]
    ) -> None:
        """Read the rows with these stored keys again, which may be new or gone."""
        table = source.table
        connection, quote = self.engine.wrapper.connection, self.engine.quote
        local_keys = [(key,) for key in source.local_keys(keys)]
        connection.execute("BEGIN")
        done = connection.executemany(
            f"DELETE FROM {cached.name} WHERE {quote(table.key)} = ?", local_keys
        )
        connection.execute("COMMIT")
        cached.rows -= max(done.rowcount, 0)
        columns = list(cached.columns)
        rows = chain.from_iterable(counted(source.rows_of(columns, keys), cached))
        self.engine.insert(connection, cached.name, columns, rows, indexes=False)

    # --- tables of the engine ---

    def forget(self, cached: CachedTable, name: str) -> None:
        """Drop a cached table that no statement reads."""
        del self.tables[name]
        self.drop(cached)

    def put_away(self, names: list[str]) -> None:
        """Keep those of a statement's tables that are cached; drop the others."""
        connection = self.engine.wrapper.connection
        room = self.engine.store.kept_rows
        for name, cached in reversed([*self.tables.items()]):
            room -= cached.rows
            if room < 0:
                del self.tables[name]
                if not cached.in_place:
                    self.drop(cached)
        for name in names:
            if name in self.tables and self.tables[name].in_place:
                self.rename(name, self.tables[name].name)
                self.tables[name].in_place = False
            else:
                connection.execute(f"DROP TABLE {self.engine.quote(name)}")

    def drop(self, cached: CachedTable) -> None:
        """Drop a cached table that no statement reads."""
        self.engine.wrapper.connection.execute(f"DROP TABLE {cached.name}")

    def rename(self, old: str, new: str) -> None:
        """Rename a table of the engine."""
        quote = self.engine.quote
        self.engine.wrapper.connection.execute(
            f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}"
        )


def parts(
    cached: CachedTable, changed: Changed
) -> dict[AbstractSet[str] | None, list[Any]]:
    """Return {columns: keys of the rows that have changed in these}.

    The columns are those of a cached table; None stands for rows new or gone.
    """
    found: dict[AbstractSet[str] | None, list[Any]] = {}
    known: dict[AbstractSet[str] | None, AbstractSet[str] | None] = {None: None}
    for key, columns in changed.items():
        if columns not in known:
            known[columns] = frozenset(cached.columns.intersection(columns or ()))
        found.setdefault(known[columns], []).append(key)
    return found


def counted(chunks: Iterator[list[Any]], cached: CachedTable) -> Iterator[list[Any]]:
    """Yield the chunks, adding their rows to the cached table's number."""
    for chunk in chunks:
        cached.rows += len(chunk)
        yield chunk
