"""Verify that rows, index entries, claims, counters and sets agree; repair them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import DatabaseError, IntegrityError

from ..kv import claims
from ..kv.access import Change
from ..kv.claims import Claims, holder_of, parts_of
from . import datatypes
from .access import RiakAccess
from .changing import put_changed
from .client.errors import Transient
from .datatypes import DataColumn
from .objects import EVERY_REPLICA, PAGE, Found, Objects, pages
from .versions import Versions


def problems(store: Any, fix: bool) -> Iterator[str]:
    """Yield a sentence for each problem; with `fix`, repair it."""
    tables = {}
    for name in store.catalog.names():
        table = store.catalog.table(name)
        if not table.is_ready:
            yield f"{name}: the index entries are of an older version, and of no use"
            if fix:
                with store.schema_editor() as editor:
                    editor.renew_entries(name)
                table = store.catalog.table(name)
        access = RiakAccess(store)
        objects = access.objects(table)
        tables[name] = claimed = Claims(access, table)
        for each in store.db_connection.fold(table.bucket, PAGE, **objects.options):
            yield from object_problems(objects, claimed, each, fix)
        yield from key_problems(store, objects, fix)
        for column in table.data.values():
            yield from data_problems(store, column, fix)
    yield from claim_problems(store, tables, fix)


def object_problems(
    objects: Objects, claimed: Claims, each: Any, fix: bool
) -> Iterator[str]:
    """Yield siblings, a damaged row, wrong index entries and missing claims."""
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
        expected = set(table.terms(table.entries_of(row)))
    except (DatabaseError, KeyError, TypeError, ValueError) as error:
        yield f"{where} is damaged: {error}"
        return
    read = Found(each.key, row, each.object.vclock, writes)
    found = {(pair.key, pair.value) for pair in content.indexes}
    if found != expected and table.is_ready:
        names = {name.decode() for name, _ in found ^ expected}
        yield f"{where} does not have the index entries of its values: {sorted(names)}"
        if fix:
            put_changed(objects, [read], [row])
    if table.claims_uniques and table.is_ready:
        yield from missing_claims(claimed, read, where, fix)


def key_problems(store: Any, objects: Objects, fix: bool) -> Iterator[str]:
    """Yield that no key is left, if no row has the largest any more."""
    name = objects.table.name
    sequence = store.catalog.sequence(name)
    if sequence is None or not sequence.is_used_up():
        return
    (column,) = objects.table.key
    highest = max((found.row[column] for found in objects.all()), default=0)
    if highest < sequence.largest:
        yield f"{name}: no key is left, but the largest {column} of a row is {highest}"
        if fix:
            sequence.change(lambda last: highest)


def data_problems(store: Any, column: DataColumn, fix: bool) -> Iterator[str]:
    """Yield values of counters and sets that belong to no row."""
    objects = store.objects(column.table)
    every = RiakAccess(store, EVERY_REPLICA)
    left: list[bytes] = []
    for page in pages(datatypes.stored_keys(objects, column)):
        there = {each.key for each in objects.by_keys(page)}
        left += [key for key in page if key not in there]
    for key, unknown in unused(left, lambda key: bool(every.get(objects.table, [key]))):
        text = key.decode(errors="replace")
        if unknown:
            yield f"{column} has a value of the row {text}: {unknown}"
            continue
        yield f"{column} has a value that belongs to no row: {text}"
        if fix:
            objects.client.tell(column.delete_request(key))


def unused(
    keys: list[bytes], is_used: Callable[[bytes], bool]
) -> Iterator[tuple[bytes, str]]:
    """Yield (key, "") of the keys that are not used, also after GRACE seconds.

    `is_used` asks every replica: after a crash some of them may lack a row that others
    have, and reading it repairs it. If one does not answer, yield (key, what to do).
    """
    for seconds in (0.0, claims.GRACE):
        if keys:
            time.sleep(seconds)
        waiting, keys = keys, []
        for key in waiting:
            try:
                if not is_used(key):
                    keys.append(key)
            except Transient as error:
                yield (
                    key,
                    (
                        "it is unknown whether there is such a row, since a replica "
                        f"does not answer ({error}). Try again when all nodes are up"
                    ),
                )
    for key in keys:
        yield key, ""


def missing_claims(
    claimed: Claims, read: Found, where: str, fix: bool
) -> Iterator[str]:
    entries = claimed.table.entries_of(read.row)
    wanted = claimed.keys(entries)
    change = Change(None, None, read.row, read.key, [], entries)
    holders = claimed.holders(list(wanted)) if wanted else {}
    for key, (index, _, _) in wanted.items():
        if holders.get(key) == read.key:
            continue
        yield f"{where} does not have the claim of its unique value in {index.name}"
        if fix:
            try:
                claimed.claim_again([change])
            except IntegrityError as error:
                yield f"{where} repeats a unique value: {error}"


def claim_problems(store: Any, tables: dict[str, Claims], fix: bool) -> Iterator[str]:
    """Yield claims that belong to no row."""
    access, every = RiakAccess(store), RiakAccess(store, EVERY_REPLICA)
    left = [key for key in all_claims(store) if not is_used(access, tables, key)]
    surely = {name: Claims(every, each.table) for name, each in tables.items()}
    for key, unknown in unused(left, lambda key: is_used(every, surely, key)):
        if unknown:
            yield f"The claim {key.decode()}: {unknown}"
            continue
        yield f"The claim {key.decode()} belongs to no row"
        if fix:
            Claims(access, access.claims()).release([key])


def all_claims(store: Any) -> Iterator[bytes]:
    """Yield the keys of all claims of a database."""
    objects = store.claims()
    bucket, options = objects.table.bucket, objects.options
    if store.unique == "strong":  # a strongly consistent bucket has no fold
        yield from store.db_connection.keys(bucket, **options)
    else:
        for each in store.db_connection.fold(bucket, PAGE, **options):
            yield each.key


def is_used(access: RiakAccess, tables: dict[str, Claims], key: bytes) -> bool:
    """Return whether the row of a claim has its value; True for a deleted claim."""
    claims = access.claims()
    rows = access.rows(claims, access.get(claims, [key]))
    if not rows:
        return True
    claimed = tables.get(parts_of(key)[0])
    return claimed is not None and claimed.holds(holder_of(rows[0]), key)
