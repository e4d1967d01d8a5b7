"""Raw SQL that writes: INSERT, UPDATE and DELETE through a cursor.

The local engine runs the statement on the rows that it may concern. What is different
there afterwards is written as the ORM's own compilers write it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import NotSupportedError, ProgrammingError, models
from django.db.models.sql import InsertQuery

from ..batching import batches
from ..conditions import Condition, conjunction, conjuncts, disjunction
from ..local.load import Insert, RowLimit, load_table, no_rowid, require_columns
from ..local.texts import Write, tokens, unquoted, write_of
from ..planner.raw_where import simple_where
from ..planner.scans import new_query, push
from ..query import NonrelQuery
from ..values.local import to_local
from . import raw_definitions
from .constraints import RowValidator
from .raw_tables import WrittenTable
from .raw_values import preparer

# How many rows one command updates or deletes.
BATCH = 1_000
# A row as SQLite holds it: the values of the table's stored columns.
LocalRow = tuple[Any, ...]


@dataclass
class Written:
    """What a cursor says of a statement: `description` is the names of the columns that
    it returns, None if it returns no rows.
    """

    rowcount: int
    lastrowid: Any = None
    description: list[str] | None = None
    rows: Iterable[Any] = ()


def execute(store: Any, sql: str, param_sets: list[Any]) -> Written:
    """Run one INSERT, UPDATE, DELETE, CREATE or DROP, once for each set of parameters.

    Raise NotSupportedError for any other SQL.
    """
    write = write_of(sql)
    if write is None:
        if len(param_sets) == 1 and raw_definitions.define(store, sql):
            return Written(-1)
        raise NotSupportedError(
            f"{store.display_name} cannot execute the SQL {sql[:80]!r}: its cursor "
            "runs SELECT, INSERT, UPDATE and DELETE, and CREATE TABLE, CREATE INDEX "
            "and DROP TABLE for tables without a model. Migrations change the tables "
            "of models; there are no triggers, no PRAGMA and no views of SQL."
        )
    if write.table.startswith("sqlite_"):
        raise store.local_engine.own_table(write.table)
    if write.conflicts:
        raise NotSupportedError(
            f"{store.display_name} runs no ON CONFLICT, REPLACE or OR … of SQL: use "
            "bulk_create() with ignore_conflicts or update_conflicts."
        )
    if write.returning and len(param_sets) > 1:
        raise ProgrammingError("executemany() returns no rows: leave out RETURNING.")
    table = WrittenTable(store, write.table)
    for token in tokens(write.text):
        if token.kind != "string" and unquoted(token.text).lower() in table.rowids:
            raise no_rowid(store, table.name, token.text)
    statement = Statement(store, table, write, param_sets)
    if write.verb == "DELETE" and not write.returning:
        try:
            return Written(statement.exact_scan().delete())
        except NotSupportedError:
            pass  # the local engine finds the rows
    if write.verb == "INSERT":
        return statement.run()  # what it stores is all or nothing by itself
    return store.all_or_nothing(statement.run)


class Statement:
    """One INSERT, UPDATE or DELETE of a table, with sets of parameters."""

    def __init__(
        self, store: Any, table: WrittenTable, write: Write, param_sets: list[Any]
    ) -> None:
        self.store = store
        self.engine = store.local_engine
        self.table = table
        self.write = write
        self.model, self.meta = table.meta.model, table.meta
        self.param_sets = param_sets
        self.returning_params: tuple[Any, ...] = ()
        if write.returning_marks:
            ((*params,),) = param_sets
            self.param_sets = [params[: -write.returning_marks]]
            self.returning_params = tuple(params[-write.returning_marks :])
        self.columns = list(table.stored)
        self.prepare = {
            column: preparer(store, field) for column, field in table.stored.items()
        }

    def compiler(self, name: str, query: type) -> Any:
        return self.store.ops.compiler(name)(query(self.model), self.store, None)

    # --- the rows, in the local engine ---

    def exact_scan(self) -> NonrelQuery:
        """Return a scan of exactly the rows that the WHERE matches.

        Raise NotSupportedError if the store cannot filter so.
        """
        conditions, whole = self.where(self.param_sets[0])
        scan = new_query(self.store, self.model, self.meta.pk_fields)
        if len(self.param_sets) > 1 or not whole or push(scan, conditions):
            raise NotSupportedError(scan.refusal("filter exactly by the WHERE"))
        return scan

    def where(self, params: Any) -> tuple[list[Condition], bool]:
        return simple_where(
            *(self.store, self.write.text, params, self.table.name, self.table.stored)
        )

    def conditions(self) -> list[Condition]:
        """Return conditions that all rows satisfy which any set of parameters finds."""
        found = [conjunction(*self.where(params)[0]) for params in self.param_sets]
        return list(conjuncts(disjunction(*found)))

    def executed(self) -> tuple[int, list[LocalRow], dict[int, LocalRow], list[int]]:
        """Run the statement in the local engine.

        Return the number of its rows, the rows before, {rowid: row} of those after it,
        and the rowids of those that it returns. The rowids of the rows before are their
        positions, from 1.
        """
        before: list[LocalRow] = []
        engine, table, write = self.engine, self.table, self.write
        rowid = table.rowids[0]

        def note(name: str, columns: list[str], rows: Iterable) -> None:
            before.extend(map(tuple, rows))
            engine.insert(engine.wrapper.connection, name, columns, before)

        def load(reads: dict[str, Any], insert: Insert) -> None:
            limit = RowLimit(self.store)
            for name, columns in reads.items():
                if name != table.name:
                    require_columns(self.store, name, columns)
                    load_table(self.store, name, columns, [], insert, limit)
                elif write.verb != "INSERT" or write.selects:
                    conditions = [] if write.verb == "INSERT" else self.conditions()
                    load_table(
                        *(self.store, name, self.columns, conditions, note, limit)
                    )

        def fetch(cursor: Any) -> tuple[int, dict[int, LocalRow], list[int]]:
            returned = [row[0] for row in cursor.fetchall()] if write.returning else []
            count = len(returned) if write.returning else cursor.rowcount
            if len(params) > 1:
                cursor.executemany(write.text, params[1:])
                count += cursor.rowcount
            # A plus sign only keeps sqlite3 from converting by the column's type.
            names = ", ".join(f"+{engine.quote(name)}" for name in self.columns)
            cursor.execute(
                f"SELECT {rowid}, {names} FROM {engine.quote(table.name)} "
                f"ORDER BY {rowid}"
            )
            return count, {number: tuple(row) for number, *row in cursor}, returned

        returning = f" RETURNING {rowid}" if write.returning else ""
        params = [engine.local_params(each) for each in self.param_sets]
        count, after, returned = engine.run(
            *(write.text + returning, params[0], {table.name: table}, load, fetch),
            writes=table.name,
        )
        return count, before, after, returned

    # --- the changes, in the store ---

    def run(self) -> Written:
        """Run the statement, and write what it changes."""
        updating = self.compiler("SQLUpdateCompiler", models.sql.UpdateQuery)
        found: list[Written] = []

        def work(keys: list[Any] | None) -> int:
            """Write the changes: of all rows, or again of those with these keys."""
            count, before, after, returned = self.executed()
            inserted = [row for rowid, row in after.items() if rowid > len(before)]
            changed = [
                (row, after[rowid])
                for rowid, row in enumerate(before, 1)
                if rowid in after and row != after[rowid]
            ]
            self.delete(
                [row for rowid, row in enumerate(before, 1) if rowid not in after]
            )
            self.update(updating, changed, keys)
            lastrowid, new = self.insert(inserted)
            if keys is None:
                found.append(Written(count, lastrowid))
                if self.write.returning:
                    first = len(before) + 1
                    rows = dict(enumerate(before, 1)) | after
                    rows |= dict(zip(range(first, first + len(new)), new, strict=True))
                    self.answer(found[0], [rows[rowid] for rowid in returned])
            return count

        if self.store.catalog and self.write.verb != "INSERT":
            new_query(self.store, self.model, self.meta.pk_fields).lock()
        if self.write.verb == "UPDATE":
            updating.guarded(self.meta, work)
        else:
            work(None)
        return found[0]

    def key(self, compiler: Any, row: LocalRow) -> Any:
        """Return the row's key as `update_rows` and `delete_rows` take it."""
        values = dict(zip(self.columns, row, strict=True))
        parts = tuple(
            compiler.stored(field, self.prepare[field.column](values[field.column]))
            for field in self.meta.pk_fields
        )
        return parts if len(parts) > 1 else parts[0]

    def delete(self, rows: list[LocalRow]) -> None:
        compiler = self.compiler("SQLDeleteCompiler", models.sql.DeleteQuery)
        for batch in batches([self.key(compiler, row) for row in rows], BATCH):
            new_query(self.store, self.model, self.meta.pk_fields).delete_rows(batch)

    def update(
        self,
        compiler: Any,
        rows: list[tuple[LocalRow, LocalRow]],
        wanted: list[Any] | None,
    ) -> None:
        """Write rows, (before, after); of those only that have the keys `wanted`."""
        keys = [self.key(compiler, old) for old, _ in rows]
        if wanted is not None:
            rows = [pair for pair, key in zip(rows, keys, strict=True) if key in wanted]
            keys = [key for key in keys if key in wanted]
        places = [
            place
            for place in range(len(self.columns))
            if any(old[place] != new[place] for old, new in rows)
        ]
        assigned = {self.table.stored[self.columns[place]] for place in places}
        validator = RowValidator(self.store, self.meta, assigned)
        uniques = compiler.uniques(self.meta, assigned, validator)
        others = validator.fields_to_read(assigned, uniques is not None)
        needed = {field.column for field in (*assigned, *others)}
        new = [
            {
                self.table.stored[column]: self.prepare[column](value)
                for column, value in zip(self.columns, row, strict=True)
                if column in needed
            }
            for _, row in rows
        ]
        changes = [{field: row[field] for field in assigned} for row in new]
        if rows:
            compiler.write_rows(
                self.meta, validator, assigned, uniques, keys, changes, new
            )

    def insert(self, rows: list[LocalRow]) -> tuple[Any, list[LocalRow]]:
        """Store new rows; return the last one's key, and the rows with their keys."""
        if not rows:
            return None, []
        compiler = self.compiler("SQLInsertCompiler", InsertQuery)
        compiler.returning_fields = self.meta.pk_fields
        columns = {
            self.table.stored[name]: [self.prepare[name](value) for value in values]
            for name, values in zip(self.columns, zip(*rows, strict=True), strict=True)
        }
        auto = self.meta.auto_field
        if auto is not None and all(value is None for value in columns[auto]):
            del columns[auto]
        pk = self.meta.pk
        keys = compiler.insert_columns(self.meta, columns, len(rows)).get(pk)
        if pk.column is None or keys is None:
            return None, rows
        place, zone = self.columns.index(pk.column), self.store.timezone
        return keys[-1] if type(keys[-1]) is int else None, [
            (*row[:place], to_local(key, zone), *row[place + 1 :])
            for row, key in zip(rows, keys, strict=True)
        ]

    def answer(self, written: Written, rows: list[LocalRow]) -> None:
        """Have `written` return what RETURNING asks of these rows."""
        engine, table = self.engine, self.table
        written.description = []

        def load(reads: dict[str, Any], insert: Insert) -> None:
            insert(table.name, self.columns, rows)

        def fetch(cursor: Any) -> list[Any]:
            written.description = [name for name, *_ in cursor.description]
            return list(cursor.fetchall())

        written.rows = engine.run(
            f"SELECT {self.write.returning} FROM {engine.quote(table.name)} "
            f"ORDER BY {table.rowids[0]}",
            engine.local_params(self.returning_params),
            {table.name: table},
            load,
            fetch,
        )
