"""Every write to MongoDB: duplicates looked for and the undo log kept in one place."""

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from .errors import DUPLICATE_CODES

Document = dict[str, Any]
UPSERT_ATTEMPTS = 10


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
    if transaction.records:
        keys = [document["_id"] for document in documents]
        transaction.undo.append(
            lambda session: collection.delete_many(
                {"_id": {"$in": keys}}, session=session
            )
        )


def in_own_transaction(connection, work: Callable[[Any], Any]) -> Any:
    """`work(session)`, all or nothing, where no transaction is open."""
    with connection.connection.start_session() as session:
        return session.with_transaction(work)


def refuse_duplicates(
    connection, table: str, documents: list[Document], session
) -> None:
    """A duplicate would make the server abort the transaction: look first."""
    collection = connection.database[table]
    for keys, condition in unique_indexes(connection, table):
        seen = set()
        wanted = []
        for document in documents:
            values = tuple(lookup(document, key) for key in keys)
            if not applies(condition, document, keys):
                continue
            mark = repr(values)
            if mark in seen:
                raise IntegrityError(duplicate_message(table, keys, values))
            seen.add(mark)
            wanted.append(values)
        if not wanted:
            continue
        if len(keys) == 1:
            filter_: Document = {keys[0]: {"$in": [values[0] for values in wanted]}}
        else:
            filter_ = {
                "$or": [
                    {
                        key: {"$eq": value}
                        for key, value in zip(keys, values, strict=True)
                    }
                    for values in wanted
                ]
            }
        if condition:
            filter_ = {"$and": [filter_, condition]}
        found = collection.find_one(filter_, dict.fromkeys(keys, 1), session=session)
        if found is not None:
            values = tuple(lookup(found, key) for key in keys)
            raise IntegrityError(duplicate_message(table, keys, values))


def lookup(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def applies(condition: Document | None, document: Document, keys) -> bool:
    """Whether a partial index holds the document; where unsure, it is looked up."""
    if not condition:
        return True
    return not any(
        requirement == {"$exists": True} and lookup(document, key) is None
        for key, requirement in condition.items()
    )


def duplicate_message(table: str, keys, values) -> str:
    columns = ", ".join(f"{table}.{key}" for key in keys)
    return f"UNIQUE constraint failed: {columns} (duplicate {values!r})"


def unique_indexes(connection, table: str) -> list[tuple[tuple[str, ...], Any]]:
    """[(document keys, partial filter or None)] of the unique indexes, `_id` first."""
    known = connection.sequences.indexes
    if table not in known or known[table] is None:
        indexes = list(connection.database[table].list_indexes())
        found: list = [(("_id",), None)]
        for index in indexes:
            if index.get("unique"):
                found.append(
                    (tuple(index["key"]), index.get("partialFilterExpression"))
                )
        known[table] = found if indexes else None
    return known[table]


def insert_ignoring(connection, table: str, documents: list[Document]) -> None:
    """Store those documents that break no unique index."""
    collection = connection.database[table]
    if connection.transaction.is_open:
        for document in documents:
            try:
                insert_documents(connection, table, [document])
            except IntegrityError:
                pass
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
    unique_columns: list[str],
    update_columns: list[str],
) -> None:
    """Store documents; where `unique_columns` exist, set `update_columns` instead.

    All of them are one statement: when it is the transaction's first, and somebody
    else stores the same rows meanwhile, it is run again and finds them.
    """
    transaction = connection.transaction

    def work(session):
        for document in documents:
            upsert(connection, table, document, unique_columns, update_columns)

    fresh = transaction.is_fresh
    for attempt in range(UPSERT_ATTEMPTS):
        try:
            transaction.run(work, writes=True)
            return
        except (DuplicateKeyError, BulkWriteError):
            # What the server refused for another's row, the next snapshot holds:
            # it is updated then, or refused by insert_documents().
            if not fresh or attempt == UPSERT_ATTEMPTS - 1:
                raise


def upsert(connection, table, document, unique_columns, update_columns) -> None:
    collection = connection.database[table]
    found = None
    # As in SQL, NULLs are never equal: a row with one is always new.
    if all(document.get(column) is not None for column in unique_columns):
        filter_ = {column: {"$eq": document[column]} for column in unique_columns}
        found = connection.statement(
            lambda session: collection.find_one(filter_, {"_id": 1}, session=session)
        )
    if found is None:
        insert_documents(connection, table, [document])
        return
    update: Document = {"$set": {}, "$unset": {}}
    for column in update_columns:
        if column in document:
            update["$set"][column] = document[column]
        else:
            update["$unset"][column] = ""
    update = {operator: part for operator, part in update.items() if part}
    update_documents(connection, table, {"_id": {"$eq": found["_id"]}}, update)


def update_documents(connection, table: str, filter_: Document, update: Any) -> int:
    """Update all that match; return how many matched."""
    collection = connection.database[table]
    transaction = connection.transaction
    touched = touched_keys(update)
    unique = [
        keys for keys, _ in unique_indexes(connection, table) if set(keys) & touched
    ]
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
            refuse_duplicate_update(collection, filter_, update, unique, session)
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


def refuse_duplicate_update(collection, filter_, update, unique, session) -> None:
    """As refuse_duplicates(), for the values that a plain $set would write."""
    changes = update.get("$set", {}) if isinstance(update, dict) else None
    if changes is None:
        return
    for keys in unique:
        seen: dict[str, Any] = {}
        columns = dict.fromkeys(keys, 1)
        for document in list(collection.find(filter_, columns, session=session)):
            changed = {**document, **changes}
            values = tuple(lookup(changed, key) for key in keys)
            if any(value is None for value in values):
                continue
            mark = repr(values)
            same = {
                key: {"$eq": value} for key, value in zip(keys, values, strict=True)
            }
            other = collection.find_one(
                {"$and": [same, {"_id": {"$ne": document["_id"]}}]},
                {"_id": 1},
                session=session,
            )
            if mark in seen or other is not None:
                raise IntegrityError(duplicate_message(collection.name, keys, values))
            seen[mark] = document["_id"]


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
        requests = [
            ReplaceOne({"_id": {"$eq": image["_id"]}}, image, upsert=True)
            for image in images
        ]
        transaction.undo.append(
            lambda session: collection.bulk_write(requests, session=session)
        )
    return result


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
    if any(set(keys_) & touched for keys_, _ in unique_indexes(connection, table)):
        return sum(
            update_documents(connection, table, {"_id": {"$eq": key}}, update)
            for key, update in updates
        )
    return run_undoably(
        transaction,
        collection,
        {"_id": {"$in": [key for key, _ in updates]}},
        lambda session: collection.bulk_write(requests, session=session).matched_count,
    )


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
