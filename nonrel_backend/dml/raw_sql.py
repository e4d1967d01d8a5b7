"""Raw SQL that writes: INSERT, UPDATE and DELETE through a cursor.

The local engine runs the statement on the rows that it may concern. What is different
there afterwards is written as the ORM's own compilers write it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
from .on_delete import Deletion, referring
from .raw_conflicts import ConstrainedTable, refuse_resolution
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
    refuse_resolution(store, write)
    if write.returning and len(param_sets) > 1:
        raise ProgrammingError("executemany() returns no rows: leave out RETURNING.")
    resolves = write.resolution not in ("", "ABORT")
    table = (ConstrainedTable if resolves else WrittenTable)(store, write.table)
    for token in tokens(write.text):
        if token.kind != "string" and unquoted(token.text).lower() in table.rowids:
            raise no_rowid(store, table.name, token.text)
    statement = Statement(store, table, write, param_sets)
    if (
        write.verb == "DELETE"
        and not write.returning
        and not referring(store, statement.model)
    ):
        try:
            return Written(statement.exact_scan().delete())
        except NotSupportedError:
            pass  # the local engine finds the rows
    if write.verb == "INSERT" and not resolves:
        return statement.run()  # what it stores is all or nothing by itself
    return store.all_or_nothing(statement.run)


@dataclass
class Executed:
    """What a statement has done in the local engine.

    `before` are the rows that were loaded: their rowids are their positions, from 1.
    `after` is {rowid: row} of all rows afterwards, `returned` the (rowid, row) of those
    that the statement returns, `last` the rowid of the last one inserted.
    """

    count: int
    before: list[LocalRow]
    after: dict[int, LocalRow]
    returned: list[tuple[int, LocalRow]]
    last: int


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
        self.resolves = isinstance(table, ConstrainedTable)
        # The same table without constraints.
        self.plain = WrittenTable(store, table.name) if self.resolves else table
        self.inserting = self.compiler("SQLInsertCompiler", InsertQuery)
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
        """Return conditions that all rows satisfy which the statement may change."""
        if isinstance(self.table, ConstrainedTable):
            if self.write.verb != "INSERT" or self.write.selects:
                return []  # the new values may be those of any row
            return self.table.conditions(self.proposed())
        if self.write.verb == "INSERT":
            return []
        found = [conjunction(*self.where(params)[0]) for params in self.param_sets]
        return list(conjuncts(disjunction(*found)))

    def proposed(self) -> list[dict[str, Any]]:
        """Return the rows that an INSERT has before conflicts are resolved."""
        write, marks = self.write, self.write.conflict_marks
        plain = replace(write, text=write.proposing, returning="")
        sets = [params[:-marks] if marks else params for params in self.param_sets]
        done = Statement(self.store, self.plain, plain, sets).executed()
        return [
            {
                column: self.prepare[column](value)
                for column, value in zip(self.columns, row, strict=True)
            }
            for row in done.after.values()
        ]

    def executed(self) -> Executed:
        """Run the statement in the local engine."""
        before: list[LocalRow] = []
        engine, table, write = self.engine, self.table, self.write
        reads_own = write.verb != "INSERT" or write.selects or self.resolves
        conditions = self.conditions() if reads_own else []
        rowid = table.rowids[0]
        # A plus sign only keeps sqlite3 from converting by the column's type.
        names = ", ".join([rowid, *(f"+{engine.quote(each)}" for each in self.columns)])

        def note(name: str, columns: list[str], rows: Iterable) -> None:
            before.extend(map(tuple, rows))
            engine.insert(engine.wrapper.connection, name, columns, before)

        def load(reads: dict[str, Any], insert: Insert) -> None:
            limit = RowLimit(self.store)
            for name, columns in reads.items():
                if name != table.name:
                    require_columns(self.store, name, columns)
                    load_table(self.store, name, columns, [], insert, limit)
                elif reads_own:
                    load_table(
                        *(self.store, name, self.columns, conditions, note, limit)
                    )

        def fetch(cursor: Any) -> Executed:
            rows = cursor.fetchall() if write.returning else []
            count = len(rows) if write.returning else cursor.rowcount
            if len(params) > 1:
                cursor.executemany(write.text, params[1:])
                count += cursor.rowcount
            last = cursor.execute("SELECT last_insert_rowid()").fetchone()[0]
            name = engine.quote(table.name)
            cursor.execute(f"SELECT {names} FROM {name} ORDER BY {rowid}")
            after = {number: tuple(row) for number, *row in cursor}
            returned = [(number, tuple(row)) for number, *row in rows]
            return Executed(count, before, after, returned, last)

        returning = f" RETURNING {names}" if write.returning else ""
        params = [engine.local_params(each) for each in self.param_sets]
        done: Executed = engine.run(
            *(write.text + returning, params[0], {table.name: table}, load, fetch),
            writes=table.name,
        )
        return self.numbered(done) if write.resolution == "REPLACE" else done

    def numbered(self, done: Executed) -> Executed:
        """Return `done` with new rowids, as a REPLACE gives those of old rows again.

        A row has the rowid of the one with its key, or another that no row had before.
        """
        places = [self.columns.index(each.column) for each in self.meta.pk_fields]
        old = {
            tuple(row[place] for place in places): rowid
            for rowid, row in enumerate(done.before, 1)
        }

        def number(rowid: int, row: LocalRow) -> int:
            key = tuple(row[place] for place in places)
            return old.get(key, rowid + len(old))

        return replace(
            done,
            after={number(*each): each[1] for each in done.after.items()},
            returned=[(number(*each), each[1]) for each in done.returned],
            last=number(done.last, done.after.get(done.last, ())),
        )

    # --- the changes, in the store ---

    def run(self) -> Written:
        """Run the statement, and write what it changes."""
        updating = self.compiler("SQLUpdateCompiler", models.sql.UpdateQuery)
        found: list[Written] = []

        def work(keys: list[Any] | None) -> int:
            """Write the changes: of all rows, or again of those with these keys."""
            done = self.executed()
            before = dict(enumerate(done.before, 1))
            changed = [
                (row, done.after[rowid])
                for rowid, row in before.items()
                if rowid in done.after and row != done.after[rowid]
            ]
            if keys is not None:
                self.update(updating, changed, keys)
                return done.count
            self.delete([row for each, row in before.items() if each not in done.after])
            self.update(updating, changed, None)
            new = [each for each in done.after if each not in before]
            stored = self.insert([done.after[each] for each in new])
            rows = dict(zip(new, stored, strict=True))
            found.append(self.written(done, before, rows))
            return done.count

        if self.store.catalog and (self.write.verb != "INSERT" or self.resolves):
            new_query(self.store, self.model, self.meta.pk_fields).lock()
            self.store.catalog.entry(self.meta.db_table)  # what it writes by
        if self.write.verb == "UPDATE" or self.resolves:
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
        cascades = bool(referring(self.store, self.model))
        for batch in batches([self.key(compiler, row) for row in rows], BATCH):
            if cascades:
                found = models.sql.DeleteQuery(self.model)
                found.add_filter("pk__in", compiler.python_keys(batch))
                Deletion(self.store, self.store.alias).run(found)
            else:
                query = new_query(self.store, self.model, self.meta.pk_fields)
                query.delete_rows(batch)

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

    def insert(self, rows: list[LocalRow]) -> list[LocalRow]:
        """Store new rows; return them with their keys."""
        if not rows:
            return []
        compiler = self.inserting
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
            return rows
        zone = self.store.timezone
        local = [to_local(key, zone) for key in keys]
        return list(map(self.with_key, rows, local))

    def with_key(self, row: LocalRow, key: Any) -> LocalRow:
        """Return a row with the key of its one key column."""
        place = self.columns.index(self.meta.pk.column)
        return (*row[:place], key, *row[place + 1 :])

    def written(
        self, done: Executed, before: dict[int, LocalRow], new: dict[int, LocalRow]
    ) -> Written:
        """Return what the cursor says; `new` are the new rows, with their keys."""
        written = Written(done.count)
        column = self.meta.pk.column
        place = None if column is None else self.columns.index(column)
        replaced = self.write.resolution == "REPLACE" and done.count
        if self.write.verb == "INSERT" and (replaced or done.last not in before):
            row = {**done.after, **new}.get(done.last)
            if row is not None and place is not None and type(row[place]) is int:
                written.lastrowid = row[place]
        if self.write.returning:
            rows = [
                self.with_key(row, new[rowid][place])
                if rowid in new and place is not None and row[place] is None
                else row
                for rowid, row in done.returned
            ]
            self.answer(written, rows)
        return written

    def answer(self, written: Written, rows: list[LocalRow]) -> None:
        """Have `written` return what RETURNING asks of these rows."""
        engine, table = self.engine, self.plain
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
