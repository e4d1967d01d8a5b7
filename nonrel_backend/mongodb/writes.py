"""Every write to MongoDB: duplicates looked for and the undo log kept in one place."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import NotSupportedError
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from ..batching import batches
from ..query import MISSING
from .errors import DUPLICATE_CODES
from .transactions import is_duplicate
from .uniques import (
    LOOKUP_BATCH,
    Keys,
    Uniques,
    comparable,
    identity,
    lookup,
    mark_of,
    same_keys,
    unique_columns,
    unique_indexes,
)

Document = dict[str, Any]
# How often rows that others store at the same time are looked for again.
CONFLICT_ATTEMPTS = 10


def insert_documents(connection, table: str, documents: list[Document]) -> None:
    """Store all documents or none; IntegrityError for a duplicate key."""
    connection.require_table(table)
    collection = connection.database[table]
    transaction = connection.transaction
    if not transaction.is_open:
        if len(documents) == 1:
            collection.insert_one(documents[0])
        elif connection.has_transactions:
            in_own_transaction(
                connection,
                lambda session: collection.insert_many(documents, session=session),
            )
        else:
            collection.insert_many(documents)
        return
    # Where nothing is lost by it, the server may as well find them.
    fresh = transaction.is_fresh

    def work(session):
        if not fresh:
            refuse_duplicates(connection, table, documents, session)
        if len(documents) == 1:
            collection.insert_one(documents[0], session=session)
        else:
            collection.insert_many(documents, session=session)

    transaction.run(work, writes=True)
    remember_undo(transaction, collection, [], documents)


def in_own_transaction(connection, work: Callable[[Any], Any]) -> Any:
    """`work(session)`, all or nothing, where no transaction is open."""
    with connection.connection.start_session() as session:
        return session.with_transaction(work)


def refuse_duplicates(
    connection, table: str, documents: list[Document], session
) -> None:
    """A duplicate would make the server abort the transaction: look first."""
    uniques = Uniques(connection, table, documents, session)
    for document in documents:
        uniques.require(None, document)


def run_settled(connection, work: Callable[[Any, bool], Any]) -> Any:
    """`work(session, look)` as one statement. When it is the transaction's first, and
    the server refuses what somebody else stored meanwhile, it is run again and finds
    it; `look` says whether it must look for duplicates itself, since something is
    lost when the server refuses one.
    """
    transaction = connection.transaction
    fresh = transaction.is_fresh
    safe = fresh and transaction.is_open
    attempts = 0

    def attempt(session):
        return work(session, not safe or attempts > 0)

    while True:
        try:
            return transaction.run(attempt, writes=True)
        except OperationFailure as error:
            attempts += 1
            if not (fresh and is_duplicate(error) and attempts < CONFLICT_ATTEMPTS):
                raise


def insert_ignoring(connection, table: str, documents: list[Document]) -> None:
    """Store those documents that break no unique index."""
    connection.require_table(table)
    collection = connection.database[table]
    transaction = connection.transaction

    def work(session, look):
        uniques = Uniques(connection, table, documents, session)
        new = [each for each in documents if uniques.put(None, each) is None]
        if new:
            collection.insert_many(new, session=session)
        return new

    if transaction.is_open:
        remember_undo(transaction, collection, [], run_settled(connection, work))
        return
    try:
        collection.bulk_write([InsertOne(each) for each in documents], ordered=False)
    except BulkWriteError as error:
        others = [
            each
            for each in error.details["writeErrors"]
            if each["code"] not in DUPLICATE_CODES
        ]
        if others:
            raise


def upsert_documents(
    connection,
    table: str,
    documents: list[Document],
    unique: list[str],
    columns: list[str],
    complete: Callable[[list[Document]], list[Document]],
) -> list[Document]:
    """Store documents in order; where one with the same `unique` keys is there, set
    its `columns` instead. Return the rows as they are stored then.

    `complete(rows)` gives for each row, as merged, what else changes in it.
    """
    connection.require_table(table)
    collection = connection.database[table]
    transaction = connection.transaction

    def work(session, look):
        found = same_rows(collection, documents, unique, session)
        images = list(found.values())
        steps = []
        for document in documents:
            # As in SQL, NULLs are never equal: a row with one is always new.
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
            uniques = Uniques(connection, table, rows, session, unique)
            for old, row in steps:
                uniques.require(old, row)
        requests = [
            InsertOne(row)
            if old is None
            else UpdateOne({"_id": {"$eq": row["_id"]}}, setting(row, written))
            for old, row in steps
        ]
        if not touches_unique(connection, table, set(written), unique):
            # The order does not matter, but that rows of the batch are there when
            # others update them: two commands then.
            requests.sort(key=lambda request: isinstance(request, UpdateOne))
        collection.bulk_write(requests, session=session)
        return images, rows

    images, rows = run_settled(connection, work)
    remember_undo(transaction, collection, images, rows)
    return rows


def same_rows(
    collection, documents: list[Document], unique: list[str], session
) -> dict[Any, Document]:
    """{mark: stored document} of those with the same `unique` keys."""
    known = [document for document in documents if not has_null(document, unique)]
    return {
        mark_of(document, unique): document
        for batch in batches(known, LOOKUP_BATCH)
        for document in collection.find(
            same_keys(batch, unique), session=session, batch_size=LOOKUP_BATCH + 1
        )
    }


def has_null(document: Document, keys) -> bool:
    return any(lookup(document, key) is None for key in keys)


def merged(old: Document, document: Document, columns: list[str]) -> Document:
    """The old row with the columns of the new."""
    row = {key: value for key, value in old.items() if key not in columns}
    new = {key: document[key] for key in columns if key in document}
    return {**row, **new}


def setting(row: Document, columns: Iterable[str]) -> Document:
    """The update that sets the columns as they are in the row."""
    update = {
        "$set": {key: row[key] for key in columns if key in row},
        "$unset": {key: "" for key in columns if key not in row},
    }
    return {operator: part for operator, part in update.items() if part}


def update_documents(connection, table: str, filter_: Document, update: Any) -> int:
    """Update all that match; return how many matched."""
    collection = connection.database[table]
    transaction = connection.transaction
    unique = touches_unique(connection, table, touched_keys(update))
    if not transaction.is_open:
        if unique and connection.has_transactions:
            return in_own_transaction(
                connection,
                lambda session: (
                    collection.update_many(
                        filter_, update, session=session
                    ).matched_count
                ),
            )
        if list(filter_) == ["_id"] and type(filter_["_id"]) is not dict:
            # One command less for the driver to prepare, and one it may retry.
            return collection.update_one(filter_, update).matched_count
        return collection.update_many(filter_, update).matched_count

    def write(session):
        if unique:
            refuse_duplicate_update(connection, table, filter_, update, session)
        return collection.update_many(filter_, update, session=session).matched_count

    return run_undoably(transaction, collection, filter_, write)


def touched_keys(update: Any) -> set[str]:
    if isinstance(update, list):
        return {
            key for stage in update for part in stage.values() for key in _names(part)
        }
    return {key for part in update.values() for key in part}


def _names(part: Any) -> list[str]:
    return [part] if isinstance(part, str) else list(part)


def touches_unique(connection, table: str, touched: set[str], but: Keys = ()) -> bool:
    """Whether a unique index other than `but` depends on these keys."""
    return any(
        touched & {*keys, *(condition or ())}
        for keys, condition in unique_indexes(connection, table)
        if set(keys) != set(but)
    )


def refuse_duplicate_update(connection, table: str, filter_, update, session) -> None:
    """As refuse_duplicates(), for the rows that an update would make."""
    collection = connection.database[table]
    columns = unique_columns(connection, table)
    before = list(collection.find(filter_, columns, session=session))
    if isinstance(update, list):
        stages = [{"$match": filter_}, *update, {"$project": columns}]
        made = collection.aggregate(stages, session=session)
        rows = {identity(row): row for row in made}
        steps = [(old, rows[identity(old)]) for old in before]
    else:
        steps = [(old, changed(old, update)) for old in before]
    require_unique(connection, table, steps, session)


def refuse_duplicate_changes(connection, table: str, updates, session) -> None:
    """As refuse_duplicate_update(), for updates by key, one after the other."""
    filter_ = {"_id": {"$in": [key for key, _ in updates]}}
    columns = unique_columns(connection, table)
    found = connection.database[table].find(filter_, columns, session=session)
    rows = {identity(row): row for row in found}
    steps = []
    if any(isinstance(update, list) for _, update in updates):
        raise NotSupportedError("MongoDB leaves unique values that are computed alone.")
    for key, update in updates:
        old = rows.get(comparable(key))
        if old is not None:
            rows[comparable(key)] = row = changed(old, update)
            steps.append((old, row))
    require_unique(connection, table, steps, session)


def require_unique(connection, table: str, steps, session) -> None:
    """IntegrityError for the first [(old row, new row)] that breaks a unique index."""
    uniques = Uniques(connection, table, [row for _, row in steps], session)
    for old, row in steps:
        uniques.require(old, row)


def changed(row: Document, update: Document) -> Document:
    """The row after $set, $unset and $inc."""
    row = {**row, **update.get("$set", {})}
    for key, number in update.get("$inc", {}).items():
        row[key] += number
    for key in update.get("$unset", ()):
        row.pop(key, None)
    return row


def run_undoably(transaction, collection, filter_: Document, write) -> Any:
    """`write(session)` as a statement; what `filter_` finds before it is remembered,
    while a savepoint is open, for its rollback to put back.
    """

    def work(session):
        images = []
        if transaction.records:
            images = list(collection.find(filter_, session=session))
        return write(session), images

    result, images = transaction.run(work, writes=True)
    if images:
        remember_undo(transaction, collection, images)
    return result


def remember_undo(
    transaction, collection, images: list[Document], rows: Iterable[Document] = ()
) -> None:
    """While a savepoint is open, have its rollback put the images in the place of what
    was written: of the rows, and of what the images have become.
    """
    if not transaction.records:
        return
    keys = list({identity(row): row["_id"] for row in (*images, *rows)}.values())
    if not keys:
        return
    requests: list[Any]
    if len(keys) == len(images) == 1:
        # In its place: the order of rows that nothing orders stays as it was.
        requests = [ReplaceOne({"_id": {"$eq": keys[0]}}, images[0], upsert=True)]
    else:
        # None comes back before all are gone: some may have exchanged unique values.
        requests = [DeleteMany({"_id": {"$in": keys}}), *map(InsertOne, images)]
    transaction.undo.append(
        lambda session: collection.bulk_write(requests, session=session)
    )


def update_keys(connection, table: str, updates: list[tuple[Any, Any]]) -> int:
    """Update documents by `_id`, [(key, update)]; return how many matched."""
    collection = connection.database[table]
    transaction = connection.transaction
    requests = [UpdateOne({"_id": {"$eq": key}}, update) for key, update in updates]
    if not transaction.is_open:
        if len(requests) > 1 and connection.has_transactions:
            return in_own_transaction(
                connection,
                lambda session: (
                    collection.bulk_write(requests, session=session).matched_count
                ),
            )
        return collection.bulk_write(requests).matched_count
    touched = {key for _, update in updates for key in touched_keys(update)}
    unique = touches_unique(connection, table, touched)

    def write(session):
        if unique:
            refuse_duplicate_changes(connection, table, updates, session)
        return collection.bulk_write(requests, session=session).matched_count

    keys = [key for key, _ in updates]
    return run_undoably(transaction, collection, {"_id": {"$in": keys}}, write)


def delete_documents(connection, table: str, filter_: Document) -> int:
    """Delete all that match; return how many there were."""
    collection = connection.database[table]
    transaction = connection.transaction
    if not transaction.is_open:
        return collection.delete_many(filter_).deleted_count
    return run_undoably(
        transaction,
        collection,
        filter_,
        lambda session: collection.delete_many(filter_, session=session).deleted_count,
    )
