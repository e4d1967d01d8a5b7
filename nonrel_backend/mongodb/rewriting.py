"""Changes of all documents of a collection: keys renamed, values converted."""

from collections.abc import Callable
from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from ..batching import batches
from .errors import ON_VIEW

Document = dict[str, Any]
# Documents in one insert or bulk write: some 1 MB of ordinary documents, of the 48 MB
# that the server takes in one message.
BATCH_SIZE = 1_000


def list_indexes(collection: Collection) -> list[dict[str, Any]]:
    """Return the specifications of all indexes. A view has none."""
    try:
        return list(map(dict, collection.list_indexes()))
    except OperationFailure as error:
        if error.code == ON_VIEW:
            return []
        raise


def indexes_of(collection: Collection) -> dict[str, dict[str, Any]]:
    """Return {name: specification} of the indexes, without that of `_id`."""
    return {
        index["name"]: index
        for index in list_indexes(collection)
        if list(index["key"]) != ["_id"]  # a clustered one may have any name
    }


def options_of(index: dict[str, Any]) -> dict[str, Any]:
    """Return the options by which an index like this one is created."""
    own = ("v", "key", "ns", "name")
    return {option: value for option, value in index.items() if option not in own}


def is_within(column: str, key: str) -> bool:
    """Return whether the key of an index is a column or a path in it."""
    return key == column or key.startswith(f"{column}.")


def drop_indexes_on(collection: Collection, key: str) -> dict[str, dict[str, Any]]:
    """Drop the indexes that hold a key or a path in it; return their specifications."""
    dropped = {
        name: index
        for name, index in indexes_of(collection).items()
        if any(is_within(key, each) for each in index["key"])
    }
    for name in dropped:
        collection.drop_index(name)
    return dropped


def rename_key(collection: Collection, old: str, new: str) -> None:
    """Rename a key, with the indexes that hold it; copy an old `_id` instead."""
    dropped = drop_indexes_on(collection, old)
    if old == "_id":
        collection.update_many({}, [{"$set": {new: "$_id"}}])
    elif new == "_id":
        replace_keys(collection, old)
    else:
        collection.update_many({}, {"$rename": {old: new}})
    if new == "_id":  # which has an index of its own
        return
    for name, index in dropped.items():
        keys = [(renamed(key, old, new), way) for key, way in index["key"].items()]
        options = options_of(index)
        partial = options.get("partialFilterExpression")
        if partial:
            options["partialFilterExpression"] = {
                renamed(key, old, new): value for key, value in partial.items()
            }
        collection.create_index(keys, name=name, **options)


def renamed(key: str, old: str, new: str) -> str:
    return new + key.removeprefix(old) if is_within(old, key) else key


def replace_keys(collection: Collection, key: str) -> None:
    """Make the value under `key` the `_id` of each document."""

    def change(document: Document) -> Document:
        value = document.pop(key)
        return {**document, "_id": value}

    replace_all(collection, change)


def replace_all(collection: Collection, change: Callable[[Document], Document]) -> None:
    """Replace every document by `change(document)`, all at one moment.

    An `_id` never changes in place, so a new collection takes the old one's name.
    """
    new = collection.database[f"{collection.name}__rewritten"]
    new.drop()
    new.database.create_collection(new.name, **collection.options())
    for batch in batches(collection.find(), BATCH_SIZE):
        new.insert_many([change(document) for document in batch])
    for name, index in indexes_of(collection).items():
        new.create_index(list(index["key"].items()), name=name, **options_of(index))
    new.rename(collection.name, dropTarget=True)


def change_values(
    collection: Collection, key: str, wanted: Any, change: Callable[[Any], Any]
) -> None:
    """Replace the values under `key` that satisfy `wanted` by `change(value)`.

    An error that `change` raises leaves all documents as they were.
    """
    found = {key: wanted}
    for document in collection.find(found, {key: 1}):
        change(document[key])
    if key == "_id":
        replace_all(
            collection, lambda document: {**document, "_id": change(document["_id"])}
        )
        return
    for batch in batches(collection.find(found, {key: 1}), BATCH_SIZE):
        collection.bulk_write(
            [
                UpdateOne(
                    {"_id": {"$eq": document["_id"]}},
                    {"$set": {key: change(document[key])}},
                )
                for document in batch
            ]
        )
