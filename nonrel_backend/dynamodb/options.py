"""The options of a model's class DynamoMeta, and models of tables that are there.

table        the name in DynamoDB of a table that is there, if not db_table
where        a Q: the model is of the items that satisfy it, and of no others
consistent   False: see managers.py
ttl          the field by which DynamoDB deletes rows: see ttl.py
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from ..kv.conditional_writes import predicate_of
from ..kv.predicates import CompoundPredicate, Predicate


def option(model: Any, name: str, default: Any = None) -> Any:
    """Return an option of a model's DynamoMeta."""
    return getattr(getattr(model, "DynamoMeta", None), name, default)


def refuse_for_own_tables(model: Any) -> None:
    """Raise ImproperlyConfigured for options that only unmanaged models have."""
    for name in ("table", "where"):
        if option(model, name) is not None:
            raise ImproperlyConfigured(
                f"{model._meta.label} has DynamoMeta.{name}, which is for tables that "
                "migrate does not make: let the model have managed = False."
            )


@cache
def unmanaged_models() -> dict[str, Any]:
    """Return {db_table: model} of the models whose tables migrate does not make.

    Raise ImproperlyConfigured for two of one table.
    """
    found: dict[str, Any] = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed or model._meta.proxy:
            continue
        other = found.setdefault(model._meta.db_table, model)
        if other is not model:
            raise ImproperlyConfigured(
                f"{other._meta.label} and {model._meta.label} have the same db_table. "
                "Give each its own, and both DynamoMeta.table, the name in DynamoDB."
            )
    return found


@cache
def expiring_tables() -> set[str]:
    """Return the db_tables of the models with DynamoMeta.ttl."""
    models = apps.get_models(include_auto_created=True)
    return {each._meta.db_table for each in models if option(each, "ttl")}


def parts_of_table(store: Any, model: Any) -> Sequence[Predicate | CompoundPredicate]:
    """Return the predicates of DynamoMeta.where.

    Raise ImproperlyConfigured if it is no condition on columns of the table.
    """
    where = option(model, "where")
    if where is None:
        return ()
    found = predicate_of(store, model, where)
    if found is None:
        raise ImproperlyConfigured(
            f"{model._meta.label}: DynamoMeta.where = {where} is no condition on "
            "columns of its table alone."
        )
    if isinstance(found, CompoundPredicate) and found.connector == "AND":
        return found.children
    return [found]
