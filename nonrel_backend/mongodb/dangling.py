"""Foreign keys without a row to refer to, as the server finds them."""

from typing import Any

from ..batching import batches
from .metadata import COLLECTION
from .odd_names import is_odd

# The first server whose $lookup reads sharded collections.
LOOKUPS_OF_SHARDED = (5, 1)
# How many foreign keys one command looks into.
LOOKUPS = 100
# The server compares what it stores. Microseconds are beside a datetime, and the parts
# of a composite key may be in the `_id` only.
NOT_COMPARED = {"datetime"}


def suspect_keys(connection: Any, keys: list[Any]) -> list[Any] | None:
    """Return those foreign keys that seem to have values without a row.

    These may be values that another program stored in another form than their rows'
    keys. Return None if the server cannot tell: no collection has a document that the
    lookups could begin with.
    """
    compared = [key for key in keys if is_compared(connection, key)]
    found = [key for key in keys if key not in compared]
    for batch in batches(compared, LOOKUPS):
        pipeline = [
            {"$limit": 1},
            {"$project": {"_id": 1}},
            *(
                {"$lookup": {**first_dangling(key), "as": str(number)}}
                for number, key in enumerate(batch)
            ),
        ]

        def look(session: Any, pipeline: Any = pipeline) -> list[Any]:
            collection = connection.database[COLLECTION]
            return list(
                collection.aggregate(pipeline, session=session, allowDiskUse=True)
            )

        answers = connection.statement(look)
        if not answers:
            return None
        found += [key for number, key in enumerate(batch) if answers[0][str(number)]]
    return found


def is_compared(connection: Any, key: Any) -> bool:
    """Return whether the server compares a foreign key with what it refers to."""
    return not (
        is_odd(key.column)
        or is_odd(key.target_field.column)
        or connection.type_of(key) in NOT_COMPARED
        or key_of(key) is None
        or key_of(key.target_field) is None
    )


def key_of(field: Any) -> str | None:
    """Return the key under which documents hold a field, None if not all do."""
    if field not in field.model._meta.pk_fields:
        return field.column
    return "_id" if field is field.model._meta.pk else None


def first_dangling(key: Any) -> dict[str, Any]:
    """Return the $lookup of a value of a foreign key without a row."""
    column, target = key_of(key), key.target_field
    return {
        "from": key.model._meta.db_table,
        "pipeline": [
            {"$match": {column: {"$ne": None}}},
            {"$group": {"_id": f"${column}"}},
            {
                "$lookup": {
                    "from": target.model._meta.db_table,
                    "localField": "_id",
                    "foreignField": key_of(target),
                    "as": "rows",
                }
            },
            {"$match": {"rows": []}},
            {"$limit": 1},
        ],
    }
