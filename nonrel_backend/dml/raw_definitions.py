"""Raw SQL that defines: CREATE TABLE, CREATE INDEX and DROP TABLE."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.db import NotSupportedError, OperationalError, models
from django.db.backends.sqlite3.introspection import FlexibleFieldLookupDict

from ..local.texts import BLANK, unquoted
from ..planner.raw_where import NAME
from ..planner.tables import model_from_store, registered_models, stored_model

DEFINITION = re.compile(
    rf"{BLANK}*(?P<verb>CREATE\s+TABLE|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s.*?\sON)\s+"
    rf"(?P<guard>IF\s+(?:NOT\s+)?EXISTS\s+)?(?P<table>{NAME}).*",
    re.IGNORECASE | re.DOTALL,
)
INDEX_GUARD = re.compile(
    rf"{BLANK}*CREATE\s+(UNIQUE\s+)?INDEX\s+IF\s+NOT\s+EXISTS\s",
    re.IGNORECASE | re.DOTALL,
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


def define(store: Any, sql: str) -> bool:
    """Run CREATE TABLE, CREATE INDEX or DROP TABLE with the store's schema editor.

    A table that is guarded by IF NOT EXISTS or IF EXISTS may be there or not. Return
    False for any other SQL, and for a table of a model: migrations define that.
    """
    found = DEFINITION.fullmatch(sql)
    table = unquoted(found["table"]) if found else ""
    if not found or table in registered_models():
        return False
    verb, guarded = found["verb"].upper().split(), bool(found["guard"])
    model = model_from_store(store, table)
    with store.schema_editor(atomic=False) as editor:
        editor.logs = False  # the SQL itself is logged
        if verb == ["CREATE", "TABLE"]:
            if model is None or not guarded:
                editor.create_model(declared_model(store, table, sql))
        elif model is None and not guarded:
            raise OperationalError(f"no such table: {table}")
        elif model is not None and verb[0] == "DROP":
            editor.delete_model(model)
        elif model is not None:
            add_index(editor, model, sql)
    return True


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
