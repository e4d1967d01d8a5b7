"""The updates of documents that the values of an UPDATE are."""

import json
from itertools import starmap
from typing import Any

from django.db import NotSupportedError

from ..microseconds import hidden
from ..planner.expressions import expression_text
from ..query import MISSING
from .expressions import Expressions
from .keeping import keeping, kept, kept_null
from .odd_names import is_odd, set_field
from .paths import change_of, with_additions
from .precision import date_of, hidden_number, require_one_precision
from .reading import DOCUMENTS, other_forms
from .values import from_json

INTEGERS = {"int", "long"}
# What is compared as it is read, where documents are updated by their keys; and of how
# many documents at a time.
READ_FIRST = {"json", "binary"}
LOOKED_AT = 100


def update_document(query: Any, filter_: dict[str, Any], values: dict[str, Any]) -> Any:
    """Return the update document, or a pipeline if expressions need one.

    `filter_` is what the documents to be updated satisfy. Raise NotSupportedError for a
    change of the primary key, and for expressions that MongoDB does not compute as
    SQLite does.
    """
    if any(field.column in values for field in query.meta.pk_fields):
        raise NotSupportedError(
            "MongoDB's _id never changes: insert a row with the new primary key, "
            "and delete the old one."
        )
    require_one_precision(query.connection, query.meta, values)
    values = query.precision.changes(values)
    odd = {column: values[column] for column in values if is_odd(column)}
    if odd:
        others = {name: values[name] for name in values if name not in odd}
        return update_fields(query, others, odd)
    forms = forms_of_columns(query)
    changes_forms = bool(forms) and not forms.isdisjoint(
        query.key(name)
        for name, value in values.items()
        if not hasattr(value, "as_sql")
    )
    update: dict[str, dict[str, Any]] = {}
    added: dict[str, Any] = {}
    for column, value in values.items():
        key = query.key(column)
        if getattr(value, "is_constant", False):
            hides = column in query.precision.columns
            stored = value.split if hides else value.stored
            changes = change_of(key, stored(query.connection))
            added |= changes.pop("$inc", {})
            for operator, parts in changes.items():
                update.setdefault(operator, {}).update(parts)
        elif hasattr(value, "as_sql"):
            by = query.increment(column, value)
            # $inc makes a number of NULL, SQL leaves it NULL.
            if by is None or value.lhs.target.null or changes_forms:
                return update_pipeline(query, values)
            update.setdefault("$inc", {})[key] = by
        elif value is MISSING:
            update.setdefault("$unset", {})[key] = ""
        else:
            update.setdefault("$set", {})[key] = value
    if added:
        return with_additions(update, added)
    if changes_forms:
        types = {query.key(name): query.db_type(name) for name in values}
        if list(filter_) == ["_id"]:
            read = {key for key in forms if types.get(key) in READ_FIRST}
            update = without_same(query, filter_, update, types, read)
            forms = forms - read
        return keeping(update, forms, types, json_has_null(query))
    return update


def without_same(
    query: Any,
    filter_: dict[str, Any],
    update: dict[str, Any],
    types: dict[str, str | None],
    keys: set[str],
) -> dict[str, Any]:
    """Return the update without what some keys hold already, in whichever form.

    The documents are read: the server does not compare JSON and bytes as fields do, and
    the local engine has read JSON without patterns, or more digits than a float's.
    """
    new = {
        key: means(types[key], value)
        for key, value in update.get("$set", {}).items()
        if key in keys
    }
    if not new:
        return update
    found = query.connection.statement(
        lambda session: list(
            query.collection.find(
                filter_, dict.fromkeys(new, 1), session=session
            ).limit(LOOKED_AT + 1)
        )
    )
    if not found or len(found) > LOOKED_AT:
        return update
    same = {
        key
        for key, value in new.items()
        if all(key in each and means(types[key], each[key]) == value for each in found)
    }
    values = {key: each for key, each in update["$set"].items() if key not in same}
    return {**update, "$set": values}


def means(db_type: str | None, stored: Any) -> Any:
    """Return what a stored value is read as, JSON as text; or the value itself."""
    if db_type == "json":
        return json.dumps(from_json(stored), sort_keys=True)
    return bytes(stored) if isinstance(stored, bytes) else stored


def forms_of_columns(query: Any) -> set[str]:
    """Return the keys that may hold other forms.

    In collections of other programs they are all; elsewhere those of which this process
    has read some, in documents as well.
    """
    if query.connection.is_foreign(query.table):
        columns = (each.column for each in query.meta.local_concrete_fields)
        return {each for each in columns if each and not is_odd(each)}
    forms = other_forms(query.connection, query.table)
    if not other_forms(query.connection, DOCUMENTS):
        return forms
    type_of = query.connection.type_of
    return forms | {
        each.column
        for each in query.meta.local_concrete_fields
        if type_of(each) == "document"
    }


def json_has_null(query: Any) -> bool:
    """Whether null in JSON is not NULL, as in tables that a migration made."""
    return not query.connection.is_foreign(query.table)


def update_fields(query: Any, values: dict[str, Any], odd: dict[str, Any]) -> Any:
    """Return the pipeline that sets columns whose names no path can hold, too."""
    if any(hasattr(value, "as_sql") for value in (*values.values(), *odd.values())):
        raise NotSupportedError(
            f"MongoDB is not asked for expressions beside the columns {list(odd)}"
        )
    stages = update_pipeline(query, values) if values else []
    return [*stages, *starmap(set_field, odd.items())]


def update_pipeline(query: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one stage that sets all columns from the values before the update."""
    translate = Expressions(query)
    changes: dict[str, Any] = {}
    for column, value in values.items():
        key = query.key(column)
        if value is MISSING:
            is_json = query.db_type(column) == "json"
            changes[key] = kept_null(key, is_json and json_has_null(query))
        elif not hasattr(value, "as_sql"):
            changes[key] = kept(query.db_type(column), key, value)
        else:
            found, db_type = translate(value), query.db_type(column)
            if found.db_type != db_type and not ({found.db_type, db_type} <= INTEGERS):
                raise NotSupportedError(
                    f"MongoDB does not convert {expression_text(value)} to the "
                    f"type of {column}, as SQLite does"
                )
            stored = found.value
            if db_type == "datetime":
                if column in query.precision.moments:
                    changes[hidden(key)] = hidden_number(stored)
                stored = date_of(stored)
            if db_type in INTEGERS:
                # $toLong fails where a sum has left 64 bits and become a double.
                stored = {"$toLong": stored}
            changes[key] = {"$ifNull": [stored, "$$REMOVE"]}
    return [{"$set": changes}]
