"""Tables that stay in the local engine, until the store says that they have changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any


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


class KeptTables:
    """Of one local engine; of at most `store.kept_rows` rows together."""

    def __init__(self, engine):
        self.engine = engine
        # The one used last comes last.
        self.tables: dict[str, Kept] = {}
        self.number = 0

    def rows(self, table, columns, version, read: Callable[[list], Iterator]) -> int:
        """Have the statement's own empty table hold all rows of these columns, and
        return their number; `read(columns)` gives them where they are not known.
        """
        connection = self.engine.wrapper.connection
        version = (version, table, self.engine.store.timezone)
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
        else:
            connection.execute(f"DROP TABLE {self.engine.quote(table.name)}")
            self.rename(kept.name, table.name)
        kept.in_place = True
        self.tables[table.name] = kept
        return kept.rows

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
