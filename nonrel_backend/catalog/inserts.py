"""INSERT for stores that use the catalog: next keys, defaults and unique values."""

from collections.abc import Iterable
from typing import Any

from django.db import OperationalError, models
from django.db.models.constants import OnConflict
from django.db.models.sql.query import Query

from ..query import MISSING
from .rows import Row, Rows
from .tables import table_model
from .unique import UniqueIndexes


def insert(compiler: Any, rows: list[Row]) -> list | None:
    """Insert rows by the backend's `insert_rows`; return their keys as Python values.

    Raise IntegrityError if a unique value exists already. Return None, and insert
    nothing, if the table's entry in the catalog is another one than was read last.
    """
    meta = compiler.query.get_meta().concrete_model._meta
    store, catalog, name = compiler.store, compiler.store.catalog, meta.db_table
    entry = catalog.last_entry(name)
    uniques = UniqueIndexes(store, meta.model, entry["indexes"])
    give_defaults(store, meta, entry["columns"], rows)
    asked = uniques.asked(rows)
    lookups = [each.lookup for each in asked]
    try:
        if not catalog.look_up(name, lookups, meta.auto_field is not None):
            return None
        uniques.compare(asked)
        give_keys(uniques.rows, rows)
    finally:
        catalog.last_keys.clear()
    has_keys = meta.pk.column and all(meta.pk.column in row for row in rows)
    made = compiler.insert_rows(list(map(dict, rows)), not has_keys)
    return [compiler.read(meta.pk, row) for row in rows] if has_keys else made


def give_keys(table: Rows, rows: list[Row]) -> None:
    """Give rows without a key the next keys of the table's sequence."""
    auto = table.meta.auto_field
    if auto is None:
        return
    advance(table, rows)
    missing = [row for row in rows if auto.column not in row]
    if missing:
        keys = table.store.catalog.next_keys(table.meta.db_table, len(missing))
        for row, key in zip(missing, keys, strict=True):
            row[auto.column] = table.to_stored(auto.column)(key)


def advance(table: Rows, rows: Iterable[Row]) -> None:
    """Make the next keys of the table's sequence follow those that rows were given."""
    auto = table.meta.auto_field
    if auto is None:
        return
    to_python = table.to_python(auto.column)
    given = [to_python(row[auto.column]) for row in rows if auto.column in row]
    numbers = [key for key in given if type(key) is int]
    if numbers:
        table.store.catalog.advance(table.meta.db_table, max(numbers))


def give_defaults(
    store: Any, meta: Any, columns: list[dict[str, Any]], rows: list[Row]
) -> None:
    """Give rows the database defaults of columns that the model does not have.

    `columns` are those of the table's entry in the catalog.
    """
    known = {field.column for field in meta.local_concrete_fields}
    for column in columns:
        if column.get("default") and column["name"] not in known:
            value = default_of(store, column)
            for row in rows if value is not MISSING else ():
                row.setdefault(column["name"], value)


def default_of(store: Any, column: dict[str, Any]) -> Any:
    """Return the stored value of a column's database default, MISSING for NULL."""
    engine = store.local_engine
    _, ((value,),) = engine.select(f"SELECT {column['default']}", ())
    if value is None:
        return MISSING
    field = getattr(models, column["internal_type"])()
    value = field.get_db_prep_save(engine.from_local(field, value), store)
    compiler = store.ops.compiler("SQLInsertCompiler")(Query(None), store, None)
    return compiler.convert_value_for_db(column["db_type"], value)


def insert_on_conflict(
    compiler: Any,
    rows: list[Row],
    on_conflict: OnConflict,
    target: list[str],
    update: list[str],
) -> list[Row] | None:
    """Insert rows; skip (IGNORE) or update (UPDATE) those that exist.

    After UPDATE, return the rows as they are stored then. Return None, and change
    nothing, if the table's entry in the catalog is another one than was read last.
    """
    meta = compiler.query.get_meta().concrete_model._meta
    catalog = compiler.store.catalog
    Rows(compiler.store, meta.model).lock()
    if not catalog.confirm(meta.db_table):
        return None
    entry = catalog.last_entry(meta.db_table)
    uniques = UniqueIndexes(compiler.store, meta.model, entry["indexes"])
    if on_conflict == OnConflict.IGNORE:
        free = uniques.free(rows)
        if free and compiler.insert_many(free, False) is None:
            return None
        return []
    index = uniques.of_columns(target)
    if index is None:
        raise OperationalError(
            f"{meta.db_table} has no unique index on {', '.join(target)}: "
            "name the fields of one in unique_fields."
        )
    stored = []
    for row in rows:
        found = uniques.existing(index, row)
        if found is None:
            while insert(compiler, [row]) is None:
                pass
            stored.append(row)
        else:
            stored.append(merge(compiler, meta, uniques, found, row, update))
    return stored


def merge(
    compiler: Any,
    meta: Any,
    uniques: UniqueIndexes,
    found: Row,
    row: Row,
    update: list[str],
) -> Row:
    """Update columns of an existing row from a new one; return the merged row."""
    changes = {column: row.get(column, MISSING) for column in update}
    merged = without_missing({**found, **changes})
    (generated,) = compiler.completed(meta, [merged])
    changes |= generated
    merged = without_missing({**merged, **generated})
    key = uniques.rows.key(found)
    uniques.validate([merged], [key])
    uniques.rows.update([(key, changes)])
    return merged


def move(store: Any, meta: Any, changes: list[tuple[Any, Row]]) -> None:
    """Update rows whose keys change: delete them and insert them under the new keys."""
    table = meta.db_table
    rows = Rows(store, table_model(table, store.catalog.last_entry(table)))
    changed = dict(changes)
    moved = rows.with_keys(changed)
    new = [without_missing({**row, **changed[rows.key(row)]}) for row in moved]
    rows.delete(list(changed))
    advance(Rows(store, meta.model), new)
    rows.insert(new)


def without_missing(row: Row) -> Row:
    return {column: value for column, value in row.items() if value is not MISSING}
