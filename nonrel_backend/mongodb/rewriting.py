"""Changes of all documents of a collection: keys renamed, values converted."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from ..batching import batches
from ..microseconds import hidden
from .errors import ON_VIEW
from .precision import Precision

Document = dict[str, Any]
NONE = Precision()
# Documents in one insert or bulk write: some 1 MB of ordinary documents, of the 48 MB
# that the server takes in one message.
BATCH_SIZE = 1_000
PARTIAL = "partialFilterExpression"
# What joins the parts of such an expression, which is else {key: {operator: value}}.
GROUPS: dict[str, Callable[[Iterable[bool]], bool]] = {"$and": all, "$or": any}


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


def keys_in(partial: Document | None) -> set[str]:
    """Return the keys that the condition of a partial index speaks of."""
    found: set[str] = set()
    for key, part in (partial or {}).items():
        found |= set().union(*map(keys_in, part)) if key in GROUPS else {key}
    return found


def is_within(column: str, key: str) -> bool:
    """Return whether the key of an index is a column or a path in it."""
    return key == column or key.startswith(f"{column}.")


def create_like(collection: Collection, index: Document) -> None:
    """Create an index of this specification."""
    keys = list(index["key"].items())
    collection.create_index(keys, name=index["name"], **options_of(index))


@contextmanager
def reindexing(
    collection: Collection, change: Callable[[Document], Document | None]
) -> Iterator[None]:
    """Replace indexes by those of other specifications, around a change of documents.

    `change` returns the new specification of each index, or None to drop it. If the
    block raises an error, the indexes are as before.
    """
    old = indexes_of(collection)
    changed: dict[str, Any] = {name: change(index) for name, index in old.items()}
    names = [name for name, index in old.items() if changed[name] != index]
    for name in names:
        collection.drop_index(name)
    made = old
    try:
        yield
        made = changed
    finally:
        for name in names:
            if made[name] is not None:
                create_like(collection, made[name])


def with_parts(index: Document, keys: Document, partial: Document) -> Document:
    """Return an index's specification with other keys and another partial filter."""
    found = {**index, "key": keys}
    return {**found, PARTIAL: partial} if PARTIAL in index else found


def rename_key(
    collection: Collection, old: str, new: str, has_hidden: bool = False, kept: str = ""
) -> None:
    """Rename a key, with the indexes that hold it; copy an old `_id` instead.

    `has_hidden` says whether there is a hidden key beside it. What was the `_id` before
    is kept under the key `kept`.
    """
    names = {old: new} | ({hidden(old): hidden(new)} if has_hidden else {})

    def name_of(key: str) -> str:
        within = new + key.removeprefix(old) if is_within(old, key) else key
        return names.get(key, within)

    def renamed(parts: Document) -> Document:
        return {
            key if key in GROUPS else name_of(key): [renamed(each) for each in value]
            if key in GROUPS
            else value
            for key, value in parts.items()
        }

    def change(index: Document) -> Document | None:
        keys = renamed(index["key"])
        if new == "_id" and keys != index["key"]:
            return None  # it has an index of its own
        return with_parts(index, keys, renamed(index.get(PARTIAL, {})))

    with reindexing(collection, change):
        if old == "_id":
            copied = {copy: f"${key}" for key, copy in names.items()}
            collection.update_many({}, [{"$set": copied}, {"$unset": hidden("_id")}])
        elif new == "_id":
            replace_keys(collection, old, has_hidden, kept)
        else:
            collection.update_many({}, {"$rename": names})


def replace_keys(
    collection: Collection, key: str, has_hidden: bool = False, kept: str = ""
) -> None:
    """Make the value under `key` the `_id` of each document, with its hidden key.

    What was the `_id` before is kept under the key `kept`.
    """
    names = {key: "_id"} | ({hidden(key): hidden("_id")} if has_hidden else {})
    before = {"_id": kept, hidden("_id"): hidden(kept)}

    def change(document: Document) -> Document:
        old = {before[name]: document.pop(name) for name in before if name in document}
        new = {names.get(name, name): value for name, value in document.items()}
        return {**old, **new} if kept else new

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
    for index in indexes_of(collection).values():
        create_like(new, index)
    new.rename(collection.name, dropTarget=True)


def setting(
    key: str, value: Any, old: Precision = NONE, new: Precision = NONE
) -> Document:
    """Return the update that sets a key, and the hidden one beside it.

    The column's precision changes from `old` to `new`.
    """
    values = new.of_key(key).split({key: value})
    update = {"$set": values}
    if old.columns and hidden(key) not in values:
        update["$unset"] = {hidden(key): ""}
    return update


def change_values(
    collection: Collection,
    key: str,
    wanted: Any,
    change: Callable[[Any], Any],
    old: Precision = NONE,
    new: Precision = NONE,
) -> None:
    """Replace the values under `key` that satisfy `wanted` by `change(value)`.

    The column's precision changes from `old` to `new`. An error that `change` raises
    leaves all documents as they were.
    """
    found = {key: wanted}
    columns = {key: 1} | ({hidden(key): 1} if old.columns else {})

    def changed(document: Document) -> Any:
        parts = {name: document[name] for name in columns if name in document}
        if old.columns:
            old.of_key(key).join([parts], [key])
        return change(parts[key])

    for document in collection.find(found, columns):
        changed(document)
    if key == "_id":

        def replaced(document: Document) -> Document:
            key_and_hidden = new.of_key(key).split({key: changed(document)})
            rest = {name: document[name] for name in document if name not in columns}
            return {**key_and_hidden, **rest}

        replace_all(collection, replaced)
        return
    for batch in batches(collection.find(found, columns), BATCH_SIZE):
        collection.bulk_write(
            [
                UpdateOne(
                    {"_id": {"$eq": document["_id"]}},
                    setting(key, changed(document), old, new),
                )
                for document in batch
            ]
        )
