"""SQL texts that write, on tables that no model of the project owns.

Django's database cache is such a table. A model's rows are written through the ORM,
which knows its defaults, checks and generated columns.
"""

import re
import sqlite3
from typing import Any

from django.db import NotSupportedError, OperationalError, models
from django.db.backends.sqlite3.introspection import FlexibleFieldLookupDict
from django.db.models.sql import InsertQuery

from ..batching import batches
from ..local.load import load_tables
from ..planner.raw_where import NAME, simple_where, unquoted
from ..planner.scans import new_query, push
from ..planner.tables import model_from_store, registered_models, stored_model
from .constraints import RowChecks

WRITE = re.compile(
    rf"\s*(?P<verb>INSERT\s+INTO|DELETE\s+FROM|UPDATE)\s+(?P<table>{NAME})"
    r"(?P<rest>(?:(?!\b(?:SELECT|RETURNING|CONFLICT)\b).)*?)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
DEFINITION = re.compile(
    rf"\s*(?P<verb>CREATE\s+TABLE|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s.*?\sON)\s+"
    rf"(?P<table>{NAME}).*",
    re.IGNORECASE | re.DOTALL,
)
# Which field a column gets whose declared type is that of several.
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
BATCH = 1_000


def execute(store, sql: str, params) -> int:
    """Carry out one INSERT, UPDATE, DELETE, CREATE or DROP; return the rows it met.

    Raises NotSupportedError for any other text, and for a table of a model.
    """
    found = WRITE.fullmatch(sql) or DEFINITION.fullmatch(sql)
    table = unquoted(found["table"]) if found else ""
    if not found or table in registered_models():
        raise NotSupportedError(
            f"{store.display_name} cannot execute the SQL {sql[:80]!r}: its cursor "
            "reads with SELECT, and writes by simple statements only to tables that no "
            "model has. Write through the ORM."
        )
    verb = found["verb"].upper().split()
    if verb[0] in ("CREATE", "DROP"):
        define(store, verb, table, sql)
        return -1
    model = model_from_store(store, table)
    if model is None:
        raise OperationalError(f"no such table: {table}")
    sql = sql.rstrip("; \n")
    if verb[0] == "DELETE":
        try:
            return exact_scan(store, model, sql, params).delete()
        except NotSupportedError:
            pass  # found row by row
    work = {"INSERT": insert, "UPDATE": update, "DELETE": delete}[verb[0]]
    return store.all_or_nothing(lambda: work(store, model, sql, params))


def exact_scan(store, model, sql: str, params):
    """A scan of just the rows that the text's WHERE means, or NotSupportedError."""
    meta = model._meta
    fields = {field.column: field for field in meta.local_concrete_fields}
    conditions, whole = simple_where(store, sql, params, meta.db_table, fields)
    scan = new_query(store, model, meta.pk_fields)
    if not whole or push(scan, conditions):
        raise NotSupportedError("The WHERE is not one that the store can answer.")
    return scan


# --- rows: the local engine says which they become, the store is given these ---


def insert(store, model, sql: str, params) -> int:
    rows, fields, _ = returned(store, model, sql, params, loads=False)
    compiler = store.ops.compiler("SQLInsertCompiler")(InsertQuery(model), store, None)
    compiler.returning_fields = None
    columns = dict(zip(fields, map(list, zip(*rows, strict=True)), strict=True))
    compiler.insert_columns(model._meta, columns, len(rows))
    return len(rows)


def update(store, model, sql: str, params) -> int:
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
        RowChecks(store, model._meta).complete_and_check([changed])
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


def delete(store, model, sql: str, params) -> int:
    rows, fields, _ = returned(store, model, sql, params, model._meta.pk_fields)
    compiler = store.ops.compiler("SQLDeleteCompiler")(
        models.sql.DeleteQuery(model), store, None
    )
    keys = [compiler.stored_key(model._meta, row) for row in rows]
    for batch in batches(keys, BATCH):
        new_query(store, model, fields).delete_rows(batch)
    return len(rows)


def returned(store, model, sql: str, params, fields=None, loads: bool = True):
    """The rows that the statement writes, its fields, and the rows there were.

    Values are those of get_db_prep_save(). Without `loads` the statement is run on an
    empty table.
    """
    meta = model._meta
    fields = fields or meta.local_concrete_fields
    engine = store.local_engine
    table = engine.table(meta)
    names = [field.column for field in fields]
    loaded: list = []

    def load(reads, insert):
        if not loads:
            return

        def keep(name, columns, rows):
            rows = list(rows)
            if name == table.name:
                loaded.extend(row[: len(names)] for row in rows)
            insert(name, columns, rows)

        wanted = {**reads, table.name: dict.fromkeys([*names, *reads[table.name]])}
        load_tables(store, sql, params)(wanted, keep)

    found = engine.run(
        f"{sql} RETURNING {', '.join(map(store.ops.quote_name, names))}",
        engine.local_params(params),
        {table.name: table},
        load,
        writes=True,
    )
    read = RowChecks(store, meta).python_value

    def prepared(rows):
        return [
            [read(field, value) for field, value in zip(fields, row, strict=True)]
            for row in rows
        ]

    return prepared(found), fields, prepared(loaded)


# --- tables ---


def define(store, verb: list[str], table: str, sql: str) -> None:
    """CREATE TABLE, CREATE INDEX or DROP TABLE by the store's own schema editor."""
    with store.schema_editor(atomic=False) as editor:
        editor.logs = False  # the text itself is in the log
        if verb == ["CREATE", "TABLE"]:
            editor.create_model(declared_model(store, table, sql))
            return
        model = model_from_store(store, table)
        if model is None:
            raise OperationalError(f"no such table: {table}")
        if verb[0] == "DROP":
            editor.delete_model(model)
        else:
            add_index(editor, model, sql)


def declared_model(store, table: str, sql: str):
    """The model of a CREATE TABLE text, whose types are this store's db_types."""
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
    """The field of an SQL type such as varchar(15), empty for none."""
    try:
        kind = FlexibleFieldLookupDict()[declared.lower()]
    except KeyError:
        return ""
    return "TextField" if kind == "CharField" else kind


def add_index(editor, model, sql: str) -> None:
    create = ", ".join(
        editor.quote_name(field.column) for field in model._meta.local_concrete_fields
    )
    table = editor.quote_name(model._meta.db_table)
    with sqlite_of(f"CREATE TABLE {table} ({create})", sql) as scratch:
        ((_, name, unique, *_),) = scratch.execute(f"PRAGMA index_list({table})")
        quoted = editor.quote_name(name)
        columns = [row[2] for row in scratch.execute(f"PRAGMA index_info({quoted})")]
    fields = {field.column: field.name for field in model._meta.local_concrete_fields}
    names = [fields[column] for column in columns]
    if unique:
        editor.add_constraint(model, models.UniqueConstraint(fields=names, name=name))
    else:
        editor.add_index(model, models.Index(fields=names, name=name))


class sqlite_of:
    """Context manager: a database in memory in which the definitions were run."""

    def __init__(self, *definitions: str):
        self.definitions = definitions

    def __enter__(self) -> sqlite3.Connection:
        self.scratch = sqlite3.connect(":memory:")
        try:
            for definition in self.definitions:
                self.scratch.execute(definition)
        except sqlite3.Error as error:
            self.scratch.close()
            raise OperationalError(str(error)) from error
        return self.scratch

    def __exit__(self, *error: Any) -> None:
        self.scratch.close()
