"""The values of one column, each once, by one command: they are few bytes."""

from typing import Any

from pymongo.errors import OperationFailure

from .odd_names import is_odd
from .reading import other_forms

# The types whose values are equal under no collation if they differ.
WITHOUT_COLLATION = ("int", "long", "objectId")
# The server's code for an answer of more than 16 MB.
TOO_BIG = 17217


def values_of(query: Any) -> list[Any] | None:
    """Return the stored values of a scan's only field, each once, without NULL.

    Return None where the command may fail, or find other values than find().
    """
    (field,) = query.fields
    connection = query.connection
    connection.ensure_connection()
    if (
        query.parts
        or connection.transaction.is_open  # a refusal would end it
        or connection.is_foreign(query.table)
        or connection.type_of(field) not in WITHOUT_COLLATION
        or is_odd(field.column)
        or query.key(field.column) in other_forms(connection, query.table)
    ):
        return None

    def distinct(session: Any) -> list[Any]:
        found: list[Any] = query.collection.distinct(
            query.key(field.column), query.filter, session=session
        )
        return found

    try:
        values = connection.statement(distinct)
    except OperationFailure as error:
        if error.code != TOO_BIG:
            raise
        return None
    return [value for value in values if value is not None]
