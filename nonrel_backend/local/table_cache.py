"""Tables that stay in the local engine until the store says that they have changed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

# Reading one row from LMDB takes as long as scanning about this many rows of a cached
# table: `python -m benchmarks.cache` measures the ratio.
CACHED_ROWS_PER_READ = 40
STATEMENTS_REMEMBERED = 2_000
# Loading fewer rows than this is cheaper than renaming a cached table twice (an
# estimate): for that SQLite reads the texts of its whole schema. So few are joined in
# any order.
FEW_ROWS = 50


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

    def covers(self, version: Any, columns: Iterable[str]) -> bool:
        """Return whether it has these columns, as they are under this version."""
        return self.version == version and self.columns.issuperset(columns)


class TableCache:
    """The cached tables of one local engine: at most `store.kept_rows` rows."""

    def __init__(self, engine: Any):
        self.engine = engine
        # The table used last comes last.
        self.tables: dict[str, CachedTable] = {}
        self.number = 0
        # How many rows a statement read of a table of which it needs a part only.
        self.parts: dict[tuple[str, str], int] = {}
        # How many rows all statements read so, since the table was loaded as a whole.
        self.spent: Counter[str] = Counter()

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
        self,
        statement: str,
        table: Any,
        columns: Iterable[str],
        version: Any,
        count: Callable[[], int],
    ) -> bool:
        """Return whether scanning the cached table is cheaper than reading a part.

        Also true if the parts read so far have cost more than caching the whole table
        of `count()` rows would.
        """
        part = self.parts.get((statement, table.name), 0)
        cached = self.tables.get(table.name)
        if cached is not None and cached.covers(self.version(version, table), columns):
            return cached.rows < part * CACHED_ROWS_PER_READ
        if not part:
            return False
        rows = count()
        most = min(part * CACHED_ROWS_PER_READ, self.engine.store.kept_rows)
        return FEW_ROWS <= rows < self.spent[table.name] and rows <= most

    def version(self, version: Any, table: Any) -> tuple[Any, ...]:
        """Return the store's version with what else the cached values depend on."""
        return version, table, self.engine.store.timezone

    def fill(
        self,
        table: Any,
        columns: list[str],
        version: Any,
        read: Callable[[list[str]], Iterator[list[Any]]],
    ) -> int:
        """Fill the statement's own empty table with all rows of these columns.

        `read(columns)` yields chunks of rows where they are not cached. A few rows are
        not cached. Return the number of rows.
        """
        connection = self.engine.wrapper.connection
        version = self.version(version, table)
        cached = self.tables.pop(table.name, None)
        if cached is not None and cached.version != version:
            self.drop(cached)
            cached = None
        if cached is not None and not cached.columns.issuperset(columns):
            columns = [*columns, *cached.columns.difference(columns)]
            self.drop(cached)
            cached = None
        if cached is None:
            self.number += 1
            name = f"nonrel_cached_{self.number}"
            cached = CachedTable(name, version, set(columns))
            chunks = counted(read(columns), cached)
            self.engine.insert(
                connection, table.name, columns, chain.from_iterable(chunks)
            )
            if cached.rows < FEW_ROWS:
                return cached.rows
            del self.spent[table.name]
        else:
            connection.execute(f"DROP TABLE {self.engine.quote(table.name)}")
            self.rename(cached.name, table.name)
        cached.in_place = True
        self.tables[table.name] = cached
        return cached.rows

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


def counted(chunks: Iterator[list[Any]], cached: CachedTable) -> Iterator[list[Any]]:
    """Yield the chunks, adding their rows to the cached table's number."""
    for chunk in chunks:
        cached.rows += len(chunk)
        yield chunk
