"""Unique indexes of a collection as SQL has them, for the local engine."""

from typing import Any

from django.db import NotSupportedError, models

from ..catalog.expressions import stored_condition
from ..catalog.unique import PRIMARY, UniqueIndex
from ..microseconds import shown
from .hidden_keys import is_hidden_key
from .partials import is_presence
from .uniques import Document, unique_indexes


def local_indexes(store: Any, model: Any, hidden: list[Document]) -> list[UniqueIndex]:
    """Return the unique indexes of a model's collection, that of its key first.

    Raise NotSupportedError for one that SQL does not express.
    """
    table = model._meta.db_table
    keys = [field.column for field in model._meta.pk_fields]
    parts: dict[str, Any] = {
        field.column: field.column
        for field in model._meta.local_concrete_fields
        if field.column is not None
    }
    if len(keys) == 1:
        parts["_id"] = keys[0]
    sqls = {each["key"]: each for each in hidden}
    parts |= sqls
    found = [UniqueIndex(PRIMARY, keys)]
    for names, partial in unique_indexes(store, table)[1:]:
        visible = shown(names)
        conditions = [
            name for name, part in (partial or {}).items() if not is_presence(part)
        ]
        condition = None
        if conditions and all(map(is_hidden_key, conditions)):
            condition = sqls.get(conditions[0])
        elif conditions:
            condition = declared_condition(store, model, visible)
        if (conditions and condition is None) or not parts.keys() >= set(visible):
            raise NotSupportedError(
                f"SQL cannot resolve conflicts in {table}: no model declares its "
                f"unique index on {', '.join(visible)} as the collection has it."
            )
        name = "_".join([table, *visible, str(len(found))])
        found.append(UniqueIndex(name, [parts[each] for each in visible], condition))
    return found


def declared_condition(
    store: Any, model: Any, columns: list[str]
) -> dict[str, Any] | None:
    """Return the condition of the model's unique constraint of these columns."""
    fields = {
        field.name: "_id" if field.primary_key else field.column
        for field in model._meta.local_concrete_fields
    }
    for each in model._meta.constraints:
        if isinstance(each, models.UniqueConstraint) and each.condition is not None:
            if [fields.get(name) for name in each.fields] == columns:
                return stored_condition(store, model, each.condition)
    return None
