"""Tables that stay in the local engine, until the store says that they have changed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

# To read a row from the store takes as long as to pass over this many that are kept.
PASSED_OVER = 40
STATEMENTS_REMEMBERED = 2_000


@dataclass
class Kept:
    """All rows of a table, as they were under a version."""

    # Its name while no statement reads it, so that none does by mistake.
    name: str
    version: Any
    columns: set[str]
    rows: int = 0
    # Whether it has the table's own name just now.
    in_place: bool = False

    def covers(self, version: Any, columns) -> bool:
        return self.version == version and self.columns.issuperset(columns)


class KeptTables:
    """Of one local engine; of at most `store.kept_rows` rows together."""

    def __init__(self, engine):
        self.engine = engine
        # The one used last comes last.
        self.tables: dict[str, Kept] = {}
        self.number = 0
        # How many rows a statement read of a table of which it needs a part only.
        self.parts: dict[tuple[str, str], int] = {}
        # How many all statements have read so, since the table was loaded as a whole.
        self.spent: Counter[str] = Counter()

    def note_part(self, statement: str, name: str, rows: int) -> None:
        if len(self.parts) >= STATEMENTS_REMEMBERED:
            self.parts.clear()
        self.parts[statement, name] = rows
        self.spent[name] += rows

    def pays(self, statement, table, columns, version, count) -> bool:
        """Whether a statement that needs a part of a table had better pass over all of
        it: it is kept, or would have been for what the parts have cost by now.
        """
        part = self.parts.get((statement, table.name), 0)
        kept = self.tables.get(table.name)
        if kept is not None and kept.covers(self.version(version, table), columns):
            return kept.rows < part * PASSED_OVER
        if not part:
            return False
        rows = count()
        most = min(part * PASSED_OVER, self.engine.store.kept_rows)
        return rows < self.spent[table.name] and rows <= most

    def version(self, version: Any, table) -> tuple:
        return version, table, self.engine.store.timezone

    def rows(self, table, columns, version, read: Callable[[list], Iterator]) -> int:
        """Have the statement's own empty table hold all rows of these columns, and
        return their number; `read(columns)` gives them where they are not known.
        """
        connection = self.engine.wrapper.connection
        version = self.version(version, table)
        kept = self.tables.pop(table.name, None)
        if kept is not None and kept.version != version:
            self.drop(kept)
            kept = None
        if kept is not None and not kept.columns.issuperset(columns):
            columns = [*columns, *kept.columns.difference(columns)]
            self.drop(kept)
            kept = None
        if kept is None:
            self.number += 1
            kept = Kept(f"nonrel_kept_{self.number}", version, set(columns))
            chunks = counted(read(columns), kept)
            self.engine.insert(
                connection, table.name, columns, chain.from_iterable(chunks)
            )
            self.index(table, columns)
            del self.spent[table.name]
        else:
            connection.execute(f"DROP TABLE {self.engine.quote(table.name)}")
            self.rename(kept.name, table.name)
        kept.in_place = True
        self.tables[table.name] = kept
        return kept.rows

    def index(self, table, columns) -> None:
        """The indexes that joins use, as the model has them."""
        quote = self.engine.quote
        for position, column in enumerate(columns):
            if table.fields[column].db_index or table.fields[column].unique:
                name = quote(f"nonrel_kept_{self.number}_{position}")
                self.engine.wrapper.connection.execute(
                    f"CREATE INDEX {name} ON {quote(table.name)} ({quote(column)})"
                )

    def put_away(self, names: list[str]) -> None:
        """Keep those of a statement's tables that may be; drop the others."""
        connection = self.engine.wrapper.connection
        room = self.engine.store.kept_rows
        for name, kept in reversed([*self.tables.items()]):
            room -= kept.rows
            if room < 0:
                del self.tables[name]
                if not kept.in_place:
                    self.drop(kept)
        for name in names:
            if name in self.tables and self.tables[name].in_place:
                self.rename(name, self.tables[name].name)
                self.tables[name].in_place = False
            else:
                connection.execute(f"DROP TABLE {self.engine.quote(name)}")

    def drop(self, kept: Kept) -> None:
        self.engine.wrapper.connection.execute(f"DROP TABLE {kept.name}")

    def rename(self, old: str, new: str) -> None:
        quote = self.engine.quote
        self.engine.wrapper.connection.execute(
            f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}"
        )


def counted(chunks: Iterator[list], kept: Kept) -> Iterator[list]:
    for chunk in chunks:
        kept.rows += len(chunk)
        yield chunk
