"""Verify that rows, index entries, markers, counters and sets agree; repair them."""

import json
import time
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, IntegrityError

from ..catalog.tables import table_model
from . import datatypes
from . import markers as marking
from .changing import put_changed
from .datatypes import DataColumn
from .objects import PAGE, Found, Objects, pages
from .versions import Versions


def problems(store: Any, fix: bool) -> Iterator[str]:
    """Yield a sentence for each problem; with `fix`, repair it."""
    tables = {}
    for name in store.catalog.names():
        model = table_model(name, store.catalog.entry(name))
        objects = store.objects(model._meta)
        if not objects.table.is_ready:
            yield f"{name}: the index entries are of an older version, and of no use"
            if fix:
                with store.schema_editor() as editor:
                    editor.renew_entries(name)
                objects = store.objects(model._meta)
        tables[name] = objects
        for each in store.db_connection.fold(
            objects.table.bucket, PAGE, **objects.options
        ):
            yield from object_problems(objects, each, fix)
        for column in objects.table.data.values():
            yield from data_problems(objects, column, fix)
    yield from marker_problems(store, tables, fix)


def object_problems(objects: Objects, each: Any, fix: bool) -> Iterator[str]:
    """Yield siblings, a damaged row, wrong index entries and missing markers."""
    table = objects.table
    where = f"{table.name}: the row {each.key.decode(errors='replace')}"
    versions = Versions(each.object.content)
    if not versions.are_one():
        if versions.live:
            yield f"{where} has {len(versions.live)} versions of concurrent writers"
        if fix:
            objects.found(each.key, each.object)
        return
    ((content, writes),) = versions.live
    try:
        row = table.row(content)
        if table.row_key(row) != each.key:
            raise DatabaseError("its key is not that of its values")
        expected = set(table.entries(row))
    except (DatabaseError, KeyError, TypeError, ValueError) as error:
        yield f"{where} is damaged: {error}"
        return
    found = {(pair.key, pair.value) for pair in content.indexes}
    if found != expected and table.is_ready:
        names = {name.decode() for name, _ in found ^ expected}
        yield f"{where} does not have the index entries of its values: {sorted(names)}"
        if fix:
            read = Found(each.key, row, each.object.vclock, writes)
            put_changed(objects, [read], [row])
    if objects.markers is not None:
        yield from row_marker_problems(objects, row, where, fix)


def data_problems(objects: Objects, column: DataColumn, fix: bool) -> Iterator[str]:
    """Yield values of counters and sets that belong to no row."""
    for page in pages(datatypes.stored_keys(objects, column)):
        there = {each.key for each in objects.by_keys(page)}
        for key in page:
            if key not in there:
                text = key.decode(errors="replace")
                yield f"{column} has a value that belongs to no row: {text}"
                if fix:
                    objects.client.tell(column.delete_request(key))


def row_marker_problems(
    objects: Objects, row: dict, where: str, fix: bool
) -> Iterator[str]:
    markers = objects.markers
    for key, index in markers.of([row])[0].items():
        if marking.holder(markers.store, key) == objects.table.row_key(row):
            continue
        yield f"{where} does not have the marker of its unique value in {index.name}"
        if fix:
            try:
                markers.claim({key: (index, objects.table.row_key(row))})
            except IntegrityError as error:
                yield f"{where} repeats a unique value: {error}"


def marker_problems(store: Any, tables: dict[str, Objects], fix: bool) -> Iterator[str]:
    """Yield markers that belong to no row, also after GRACE seconds."""
    left = list(unused_markers(store, tables))
    if left:
        time.sleep(marking.GRACE)
    for key in left:
        if not is_used(store, tables, key):
            yield f"The marker {key} belongs to no row"
            if fix:
                marking.release(store, [key])


def unused_markers(store: Any, tables: dict[str, Objects]) -> Iterator[str]:
    for key in marking.keys(store):
        if not is_used(store, tables, key):
            yield key


def is_used(store: Any, tables: dict[str, Objects], key: str) -> bool:
    """Return whether the row of a marker has its value; True for a deleted marker."""
    holder = marking.holder(store, key)
    if holder is None:
        return True
    table, name, *_ = json.loads(key)
    objects = tables.get(table)
    if objects is None or objects.markers is None:
        return False
    markers = objects.markers
    index = next((each for each in markers.uniques.indexes if each.name == name), None)
    return index is not None and markers.holds(holder, key, index)
