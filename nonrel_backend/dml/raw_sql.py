"""Raw SQL that writes, to tables that no model of the project owns.

Django's database cache is such a table. A model's rows are written through the ORM,
which knows its defaults, constraints and generated columns.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.db import NotSupportedError, OperationalError, models
from django.db.backends.sqlite3.introspection import FlexibleFieldLookupDict
from django.db.models.sql import InsertQuery

from ..batching import batches
from ..local.load import load_tables
from ..planner.raw_where import NAME, simple_where, unquoted
from ..planner.scans import new_query, push
from ..planner.tables import model_from_store, registered_models, stored_model
from ..query import NonrelQuery
from .constraints import RowValidator

WRITE = re.compile(
    rf"\s*(?P<verb>INSERT\s+INTO|DELETE\s+FROM|UPDATE)\s+(?P<table>{NAME})"
    r"(?P<rest>(?:(?!\b(?:SELECT|RETURNING|CONFLICT)\b).)*?)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
DEFINITION = re.compile(
    rf"\s*(?P<verb>CREATE\s+TABLE|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s.*?\sON)\s+"
    rf"(?P<guard>IF\s+(?:NOT\s+)?EXISTS\s+)?(?P<table>{NAME}).*",
    re.IGNORECASE | re.DOTALL,
)
INDEX_GUARD = re.compile(
    r"\s*CREATE\s+(UNIQUE\s+)?INDEX\s+IF\s+NOT\s+EXISTS\s", re.IGNORECASE
)
# Several fields may have one stored type: a declared column gets the first of these.
FIELDS = (
    "TextField",
    "BooleanField",
    "IntegerField",
    "BigIntegerField",
    "FloatField",
    "DecimalField",
    "DateTimeField",
    "DateField",
    "TimeField",
    "DurationField",
    "UUIDField",
    "BinaryField",
    "JSONField",
)
# How many rows one command updates or deletes.
BATCH = 1_000


def execute(store: Any, sql: str, params: Any) -> int:
    """Run one INSERT, UPDATE, DELETE, CREATE or DROP; return the number of its rows.

    Raise NotSupportedError for any other SQL, and for a table of a model.
    """
    found = WRITE.fullmatch(sql) or DEFINITION.fullmatch(sql)
    table = unquoted(found["table"]) if found else ""
    if not found or table in registered_models():
        raise NotSupportedError(
            f"{store.display_name} cannot execute the SQL {sql[:80]!r}: its cursor "
            "runs SELECT, and simple statements that write to tables without a model. "
            "Write through the ORM to the table of a model."
        )
    verb = found["verb"].upper().split()
    if verb[0] in ("CREATE", "DROP"):
        define(store, verb, table, sql, guarded=bool(found["guard"]))
        return -1
    model = model_from_store(store, table)
    if model is None:
        raise OperationalError(f"no such table: {table}")
    sql = sql.rstrip("; \n")
    if verb[0] == "DELETE":
        try:
            return exact_scan(store, model, sql, params).delete()
        except NotSupportedError:
            pass  # the local engine finds the rows
    work = {"INSERT": insert, "UPDATE": update, "DELETE": delete}[verb[0]]
    return store.all_or_nothing(lambda: work(store, model, sql, params))


def exact_scan(store: Any, model: Any, sql: str, params: Any) -> NonrelQuery:
    """Return a scan of exactly the rows that the WHERE matches.

    Raise NotSupportedError if the store cannot filter so.
    """
    meta = model._meta
    fields = {field.column: field for field in meta.local_concrete_fields}
    conditions, whole = simple_where(store, sql, params, meta.db_table, fields)
    scan = new_query(store, model, meta.pk_fields)
    if not whole or push(scan, conditions):
        raise NotSupportedError(
            f"{store.display_name} does not filter exactly by the WHERE of {sql[:80]!r}"
        )
    return scan


# --- rows: the local engine computes them, the store writes them ---


def insert(store: Any, model: Any, sql: str, params: Any) -> int:
    rows, fields, _ = returned(store, model, sql, params, loads=False)
    compiler = store.ops.compiler("SQLInsertCompiler")(InsertQuery(model), store, None)
    columns = dict(zip(fields, map(list, zip(*rows, strict=True)), strict=True))
    compiler.insert_columns(model._meta, columns, len(rows))
    return len(rows)


def update(store: Any, model: Any, sql: str, params: Any) -> int:
    rows, fields, loaded = returned(store, model, sql, params)
    compiler = store.ops.compiler("SQLUpdateCompiler")(
        models.sql.UpdateQuery(model), store, None
    )
    keys = [fields.index(field) for field in model._meta.pk_fields]
    before = {tuple(row[key] for key in keys): row for row in loaded}
    changes = []
    for row in rows:
        values = tuple(row[key] for key in keys)
        if values not in before:
            raise NotSupportedError(
                f"UPDATE of the key of {model._meta.db_table} is not supported: "
                "insert new rows and delete the old."
            )
        changed = {
            field: value
            for field, value, old in zip(fields, row, before[values], strict=True)
            if value != old
        }
        RowValidator(store, model._meta).complete([changed])
        changes.append(
            (
                compiler.stored_key(model._meta, values),
                {
                    field.column: compiler.stored(field, value)
                    for field, value in changed.items()
                },
            )
        )
    written = [change for change in changes if change[1]]
    for batch in batches(written, BATCH):
        new_query(store, model, fields).update_rows(batch)
    return len(rows)


def delete(store: Any, model: Any, sql: str, params: Any) -> int:
    rows, fields, _ = returned(store, model, sql, params, model._meta.pk_fields)
    compiler = store.ops.compiler("SQLDeleteCompiler")(
        models.sql.DeleteQuery(model), store, None
    )
    keys = [compiler.stored_key(model._meta, row) for row in rows]
    for batch in batches(keys, BATCH):
        new_query(store, model, fields).delete_rows(batch)
    return len(rows)


def returned(
    store: Any,
    model: Any,
    sql: str,
    params: Any,
    fields: list[Any] | None = None,
    loads: bool = True,
) -> tuple[list[list], list[Any], list[list]]:
    """Run the statement in the local engine.

    Return the rows that it writes, their fields, and the rows before it, all with
    values from get_db_prep_save(). Without `loads` the table is empty before it.
    """
    meta = model._meta
    fields = fields or meta.local_concrete_fields
    engine = store.local_engine
    table = engine.table(meta)
    names = [field.column for field in fields]
    loaded: list = []

    def load(reads: dict[str, Any], insert: Callable) -> None:
        if not loads:
            return

        def insert_and_note(name: str, columns: list[str], rows: Iterable) -> None:
            rows = list(rows)
            if name == table.name:
                loaded.extend(row[: len(names)] for row in rows)
            insert(name, columns, rows)

        wanted = {**reads, table.name: dict.fromkeys([*names, *reads[table.name]])}
        load_tables(store, sql, params)(wanted, insert_and_note)

    found = engine.run(
        f"{sql} RETURNING {', '.join(map(store.ops.quote_name, names))}",
        engine.local_params(params),
        {table.name: table},
        load,
        writes=True,
    )
    validator = RowValidator(store, meta)

    def prepared(rows: Iterable) -> list[list]:
        return [
            [
                validator.prepared(field, value)
                for field, value in zip(fields, row, strict=True)
            ]
            for row in rows
        ]

    return prepared(found), fields, prepared(loaded)


# --- tables ---


def define(store: Any, verb: list[str], table: str, sql: str, guarded: bool) -> None:
    """Run CREATE TABLE, CREATE INDEX or DROP TABLE with the store's schema editor.

    A table that is `guarded` by IF NOT EXISTS or IF EXISTS may be there or not.
    """
    model = model_from_store(store, table)
    with store.schema_editor(atomic=False) as editor:
        editor.logs = False  # the SQL itself is logged
        if verb == ["CREATE", "TABLE"]:
            if model is None or not guarded:
                editor.create_model(declared_model(store, table, sql))
            return
        if model is None:
            if guarded:
                return
            raise OperationalError(f"no such table: {table}")
        if verb[0] == "DROP":
            editor.delete_model(model)
        else:
            add_index(editor, model, sql)


def declared_model(store: Any, table: str, sql: str) -> Any:
    """Return the model of a CREATE TABLE, whose types are db_types of the store."""
    types: dict[str, str] = {}
    for field in FIELDS:
        types.setdefault(store.data_types[field], field)
    with sqlite_of(sql) as scratch:
        rows = scratch.execute(f"PRAGMA table_info({store.ops.quote_name(table)})")
        columns = rows.fetchall()
    described = []
    for _, name, declared, required, _, key in columns:
        kind = types.get(declared.lower()) or sql_type(declared)
        if not kind:
            raise NotSupportedError(
                f"{store.display_name} knows no column type {declared!r} ({name} of "
                f"{table}): use one of {', '.join(sorted(types))}, or a model."
            )
        described.append((name, kind, {"null": not (required or key)}, bool(key)))
    if not any(is_key for *_, is_key in described):
        described.append(("rowid", "BigAutoField", {}, True))
    return stored_model(table, described)


def sql_type(declared: str) -> str:
    """Return the field of an SQL type such as varchar(15), or an empty string."""
    try:
        kind = FlexibleFieldLookupDict()[declared.lower()]
    except KeyError:
        return ""
    return "TextField" if kind == "CharField" else kind


def add_index(editor: Any, model: Any, sql: str) -> None:
    """Create the index of a CREATE INDEX."""
    create = ", ".join(
        editor.quote_name(field.column) for field in model._meta.local_concrete_fields
    )
    table = editor.quote_name(model._meta.db_table)
    with sqlite_of(f"CREATE TABLE {table} ({create})", sql) as scratch:
        ((_, name, unique, *_),) = scratch.execute(f"PRAGMA index_list({table})")
        quoted = editor.quote_name(name)
        columns = [row[2] for row in scratch.execute(f"PRAGMA index_info({quoted})")]
    if INDEX_GUARD.match(sql):
        with editor.connection.cursor() as cursor:
            there = editor.connection.introspection.get_constraints(
                cursor, model._meta.db_table
            )
        if name in there:
            return
    fields = {field.column: field.name for field in model._meta.local_concrete_fields}
    names = [fields[column] for column in columns]
    if unique:
        editor.add_constraint(model, models.UniqueConstraint(fields=names, name=name))
    else:
        editor.add_index(model, models.Index(fields=names, name=name))


@contextmanager
def sqlite_of(*definitions: str) -> Iterator[sqlite3.Connection]:
    """Yield an SQLite database, in memory, in which the definitions were run."""
    with closing(sqlite3.connect(":memory:")) as scratch:
        try:
            for definition in definitions:
                scratch.execute(definition)
        except sqlite3.Error as error:
            raise OperationalError(str(error)) from error
        yield scratch
