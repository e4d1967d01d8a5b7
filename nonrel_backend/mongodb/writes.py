"""All writes to MongoDB.

In a transaction, a duplicate that the server finds aborts the whole transaction. So
these functions look for duplicates first. They also write the undo log of savepoints.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, NotSupportedError
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from ..batching import batches
from ..microseconds import hidden, shown
from ..query import MISSING
from .deadlines import bounded, in_own_transaction
from .errors import DUPLICATE_CODES, ONE_A_MILLISECOND
from .key_forms import compound_forms
from .long_lists import batches_of
from .rewriting import keys_in
from .transactions import is_duplicate
from .uniques import (
    LOOKUP_BATCH,
    Keys,
    Uniques,
    comparable,
    identity,
    lookup,
    lookup_batches,
    mark_of,
    same_keys,
    unique_columns,
    unique_indexes,
)

Document = dict[str, Any]
# How often to look again for rows that others store at the same time. Each attempt
# loses to another writer's commit between its find() and its write.
CONFLICT_ATTEMPTS = 10


def insert_documents(
    connection: Any, table: str, documents: list[Document], but: Keys = ()
) -> None:
    """Store all documents or none. Raise IntegrityError for a duplicate key.

    In a block the index with the keys `but` is known to allow them.
    """
    connection.require_table(table)
    collection = connection.collection(table)
    transaction = connection.transaction

    def insert(session: Any) -> None:
        if len(documents) == 1:
            collection.insert_one(documents[0], session=session)
        else:
            collection.insert_many(documents, session=session)

    if not transaction.is_open:
        write_alone(connection, insert, len(documents) == 1)
        return
    # The server may find the duplicates if its abort loses nothing.
    fresh = transaction.is_fresh

    def work(session: Any) -> None:
        if not fresh:
            uniques = Uniques(connection, table, documents, session, but)
            for document in documents:
                uniques.require(None, document)
        insert(session)

    transaction.run(work, writes=True)
    remember_undo(transaction, collection, [], documents)


def write_alone(connection: Any, write: Callable[[Any], Any], is_one: bool) -> Any:
    """Return `write(session)`, run outside of the user's transactions.

    A change of one document is atomic by itself, the driver repeats it after a network
    error, and it ends at the deadline. One of several is a transaction of its own, if
    the server has them.
    """
    if is_one:
        with bounded(connection.connection):
            return write(None)
    if connection.has_transactions:
        return in_own_transaction(connection.connection, write)
    return write(None)


def run_settled(connection: Any, work: Callable[[Any, bool], Any]) -> Any:
    """Return `work(session, look)`, run as one statement.

    `look` says whether the work must look for duplicates itself, because the server's
    abort would lose something. If it would not, and the server finds a duplicate of a
    row that another client stored after the work looked, run the work again.
    """
    transaction = connection.transaction
    fresh = transaction.is_fresh
    safe = fresh and transaction.is_open
    attempts = 0

    def attempt(session: Any) -> Any:
        return work(session, not safe or attempts > 0)

    while True:
        try:
            return transaction.run(attempt, writes=True)
        except OperationFailure as error:
            attempts += 1
            if not (fresh and is_duplicate(error) and attempts < CONFLICT_ATTEMPTS):
                raise


def insert_ignoring(
    connection: Any, table: str, documents: list[Document], but: Keys = ()
) -> None:
    """Store the documents that break no unique index.

    In a block the index with the keys `but` is known to allow them. Raise
    IntegrityError if the `_id` of one is another datetime of the same millisecond.
    """
    connection.require_table(table)
    collection = connection.collection(table)
    transaction = connection.transaction

    def work(session: Any, look: bool) -> list[Document]:
        uniques = Uniques(connection, table, documents, session, but)
        new = [each for each in documents if uniques.put(None, each) is None]
        if new:
            collection.insert_many(new, session=session)
        return new

    if transaction.is_open:
        remember_undo(transaction, collection, [], run_settled(connection, work))
        require_moments(connection, table, documents)
        return
    for batch in batches(documents, LOOKUP_BATCH):
        try:
            with bounded(connection.connection):
                collection.bulk_write(list(map(InsertOne, batch)), ordered=False)
        except BulkWriteError as error:
            found = {each["code"] for each in error.details["writeErrors"]}
            if not found <= DUPLICATE_CODES:
                raise
    require_moments(connection, table, documents)


def require_moments(connection: Any, table: str, documents: list[Document]) -> None:
    """Raise IntegrityError if datetimes as keys are stored with other microseconds."""
    moments = [each for each in documents if isinstance(each["_id"], datetime)]
    for batch in batches(moments, LOOKUP_BATCH):

        def look(session: Any, batch: list[Document] = batch) -> list[Document]:
            filter_, columns = same_keys(batch, ["_id"]), {hidden("_id"): 1}
            rows = connection.primary[table]
            return list(rows.find(filter_, columns, session=session))

        found = {each["_id"]: each for each in connection.statement(look)}
        for each in batch:
            rest = found.get(each["_id"], each).get(hidden("_id"))
            if rest != each.get(hidden("_id")):
                raise IntegrityError(
                    f"{table} has another _id than {each['_id']}: {ONE_A_MILLISECOND}"
                )


def upsert_documents(
    connection: Any,
    table: str,
    documents: list[Document],
    unique: list[str],
    columns: list[str],
    complete: Callable[[list[Document]], list[Document]],
    but: Keys = (),
) -> list[Document]:
    """Store documents in order, or update those that exist.

    A document with the same values of the `unique` keys as a stored one sets the
    `columns` of that one. `complete(rows)` returns what else to change in each of the
    merged rows. In a block the index with the keys `but` is known to allow the
    documents. Return the rows as they are stored.
    """
    connection.require_table(table)
    collection = connection.collection(table)
    transaction = connection.transaction

    def work(session: Any, look: bool) -> tuple[list[Document], list[Document]]:
        found = same_rows(collection, documents, unique, session)
        images = list(found.values())
        steps = []
        for document in documents:
            # NULLs are never equal: a row that has one is new.
            mark = None if has_null(document, unique) else mark_of(document, unique)
            old = found.get(mark)
            row = document if old is None else merged(old, document, columns)
            steps.append((old, row))
            if mark is not None:
                found[mark] = row
        rows = [row for _, row in steps]
        written = dict.fromkeys(columns)
        for row, changes in zip(rows, complete(rows), strict=True):
            written |= dict.fromkeys(changes)
            for key, value in changes.items():
                row.pop(key, None)
                if value is not MISSING:
                    row[key] = value
        if look:
            uniques = Uniques(connection, table, rows, session, unique, but)
            for old, row in steps:
                uniques.require(old, row)
        requests: list[Any] = [
            InsertOne(row)
            if old is None
            else UpdateOne({"_id": {"$eq": row["_id"]}}, setting(row, written))
            for old, row in steps
        ]
        if not touches_unique(connection, table, set(written), unique):
            # Inserts before updates are two commands, and updates find rows that the
            # batch has inserted.
            requests.sort(key=lambda request: isinstance(request, UpdateOne))
        collection.bulk_write(requests, session=session)
        return images, rows

    images, rows = run_settled(connection, work)
    remember_undo(transaction, collection, images, rows)
    return rows


def same_rows(
    collection: Any, documents: list[Document], unique: list[str], session: Any
) -> dict[Any, Document]:
    """Return {mark: stored document} of those with the same `unique` keys."""
    known = [document for document in documents if not has_null(document, unique)]
    return {
        mark_of(document, unique): document
        for batch in lookup_batches(known, unique)
        for document in collection.find(
            same_keys(batch, unique), session=session, batch_size=LOOKUP_BATCH + 1
        )
    }


def has_null(document: Document, keys: Keys) -> bool:
    return any(lookup(document, key) is None for key in shown(keys))


def merged(old: Document, document: Document, columns: list[str]) -> Document:
    """Return the old row with `columns` of the new document."""
    row = {key: value for key, value in old.items() if key not in columns}
    new = {key: document[key] for key in columns if key in document}
    return {**row, **new}


def setting(row: Document, columns: Iterable[str]) -> Document:
    """Return the update that sets the columns as they are in the row."""
    update = {
        "$set": {key: row[key] for key in columns if key in row},
        "$unset": {key: "" for key in columns if key not in row},
    }
    return {operator: part for operator, part in update.items() if part}


def update_documents(
    connection: Any, table: str, filter_: Document, update: Any
) -> int:
    """Update all documents that match; return how many matched."""
    connection.require_table(table)
    collection = connection.collection(table)
    transaction = connection.transaction
    is_one = names_one(filter_)
    change = collection.update_one if is_one else collection.update_many

    def write(session: Any) -> int:
        return change(filter_, update, session=session).matched_count

    if not transaction.is_open:
        return write_alone(connection, write, is_one)
    looks = looks_for_duplicates(connection, table, touched_keys(update))

    def write_unique(session: Any) -> int:
        if looks:
            refuse_duplicate_update(connection, table, filter_, update, session)
        return write(session)

    return run_undoably(transaction, collection, filter_, write_unique)


def names_one(filter_: Document) -> bool:
    """Return whether a filter is the `_id` of one document."""
    if list(filter_) != ["_id"]:
        return False
    key = filter_["_id"]
    if type(key) is not dict:
        return True
    return list(key) == ["$eq"] or list(key) == ["$in"] and len(key["$in"]) == 1


def touched_keys(update: Any) -> set[str]:
    """Return the keys that an update document or pipeline changes."""
    stages = update if isinstance(update, list) else [update]
    parts = [part for stage in stages for part in stage.values()]
    # A part is {key: value}; of $unset in a pipeline it is a list of keys.
    return {key for part in parts for key in part}


def touches_unique(
    connection: Any, table: str, touched: set[str], but: Keys = ()
) -> bool:
    """Return whether a unique index, but for that with the keys `but`, depends on
    these keys.
    """
    return any(
        touched & {*keys, *keys_in(condition)}
        for keys, condition in unique_indexes(connection, table)
        if set(keys) != set(but)
    )


def looks_for_duplicates(connection: Any, table: str, touched: set[str]) -> bool:
    """Return whether an update in a block must look for duplicates first.

    The server may find them if its abort loses nothing.
    """
    if connection.transaction.is_fresh:
        return False
    return touches_unique(connection, table, touched)


def refuse_duplicate_update(
    connection: Any, table: str, filter_: Document, update: Any, session: Any
) -> None:
    """Raise IntegrityError if a row breaks a unique index after an update."""
    collection = connection.collection(table)
    columns = unique_columns(connection, table)
    before = list(collection.find(filter_, columns, session=session))
    update = getattr(update, "plain", update)
    if isinstance(update, list):
        stages = [{"$match": filter_}, *update, {"$project": columns}]
        made = collection.aggregate(stages, session=session)
        rows = {identity(row): row for row in made}
        steps = [(old, rows[identity(old)]) for old in before]
    else:
        steps = [(old, changed(old, update)) for old in before]
    require_unique(connection, table, steps, session)


def refuse_duplicate_changes(
    connection: Any, table: str, updates: list[tuple[Any, Any]], session: Any
) -> None:
    """Raise IntegrityError if a row breaks a unique index after updates by key."""
    filter_ = {"_id": {"$in": [key for key, _ in updates]}}
    columns = unique_columns(connection, table)
    found = connection.collection(table).find(filter_, columns, session=session)
    rows = {identity(row): row for row in found}
    steps = []
    updates = [(key, getattr(update, "plain", update)) for key, update in updates]
    if any(isinstance(update, list) for _, update in updates):
        raise NotSupportedError(
            f"MongoDB would compute unique values of {table}, which must be looked up "
            "before the update"
        )
    for key, update in updates:
        old = rows.get(comparable(key))
        if old is not None:
            rows[comparable(key)] = row = changed(old, update)
            steps.append((old, row))
    require_unique(connection, table, steps, session)


def require_unique(
    connection: Any,
    table: str,
    steps: list[tuple[Document, Document]],
    session: Any,
) -> None:
    """Raise IntegrityError for the first [(old row, new row)] that breaks an index."""
    columns = [*unique_columns(connection, table)]
    steps = [
        (old, row)
        for old, row in steps
        if mark_of(old, columns) != mark_of(row, columns)
    ]
    uniques = Uniques(connection, table, [row for _, row in steps], session)
    for old, row in steps:
        uniques.require(old, row)


def changed(row: Document, update: Document) -> Document:
    """Return the row, of which only some columns are known, after $set, $unset and
    $inc.
    """
    row = {**row, **update.get("$set", {})}
    for key, number in update.get("$inc", {}).items():
        if key in row:
            row[key] += number
    for key in update.get("$unset", ()):
        row.pop(key, None)
    return row


def run_undoably(
    transaction: Any, collection: Any, filter_: Document, write: Callable[[Any], Any]
) -> Any:
    """Return `write(session)`, run as one statement.

    While a savepoint is open, put what `filter_` finds before it into the undo log.
    """

    def work(session: Any) -> tuple[Any, list[Document]]:
        images: list[Document] = []
        if transaction.records:
            images = list(collection.find(filter_, session=session))
        return write(session), images

    result, images = transaction.run(work, writes=True)
    if images:
        remember_undo(transaction, collection, images)
    return result


def remember_undo(
    transaction: Any,
    collection: Any,
    images: list[Document],
    rows: Iterable[Document] = (),
) -> None:
    """Add the undoing of a write to the undo log, while a savepoint is open.

    `images` are documents before the write, `rows` those that it stored. The rollback
    deletes the documents with the keys of both and inserts the images.
    """
    if not transaction.records:
        return
    keys = list({identity(row): row["_id"] for row in (*images, *rows)}.values())
    if not keys:
        return
    requests: list[Any]
    if len(keys) == len(images) == 1:
        # Replace it in its place: unordered scans return rows in their old order.
        requests = [ReplaceOne({"_id": {"$eq": keys[0]}}, images[0], upsert=True)]
    else:
        # Delete all before any insert: rows may have exchanged unique values.
        requests = [
            *(DeleteMany({"_id": {"$in": part}}) for part in batches_of(keys)),
            *map(InsertOne, images),
        ]
    transaction.undo.append((collection, requests))


def update_keys(connection: Any, table: str, updates: list[tuple[Any, Any]]) -> int:
    """Update documents by `_id`, [(key, update)]; return how many matched."""
    connection.require_table(table)
    collection = connection.collection(table)
    transaction = connection.transaction
    requests = [
        UpdateOne({"_id": {"$in": [*compound_forms(key)]}}, update)
        for key, update in updates
    ]

    def write(session: Any) -> int:
        return collection.bulk_write(requests, session=session).matched_count

    if not transaction.is_open:
        return write_alone(connection, write, len(requests) == 1)
    touched = {key for _, update in updates for key in touched_keys(update)}
    looks = looks_for_duplicates(connection, table, touched)

    def write_unique(session: Any) -> int:
        if looks:
            refuse_duplicate_changes(connection, table, updates, session)
        return write(session)

    keys = [form for key, _ in updates for form in compound_forms(key)]
    return run_undoably(transaction, collection, {"_id": {"$in": keys}}, write_unique)


def delete_documents(connection: Any, table: str, filter_: Document) -> int:
    """Delete all documents that match; return how many."""
    collection = connection.collection(table)
    transaction = connection.transaction
    is_one = names_one(filter_)
    remove = collection.delete_one if is_one else collection.delete_many

    def write(session: Any) -> int:
        return remove(filter_, session=session).deleted_count

    if transaction.is_open:
        return run_undoably(transaction, collection, filter_, write)
    return write_alone(connection, write, is_one)
