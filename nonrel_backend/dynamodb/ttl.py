"""DynamoMeta.ttl: the field by which DynamoDB deletes rows when their time has come.

It is an integer, of seconds since 1970. DynamoDB deletes within days: until then the
rows are found, unless a query filters by the field.
"""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.models import UniqueConstraint

from ..query import translated_errors
from .options import option

INTEGERS = ("int", "long")


def expires(model: Any) -> bool:
    return bool(option(model, "ttl")) and not model._meta.proxy


def enable(sender: Any, using: str = DEFAULT_DB_ALIAS, **more: Any) -> None:
    """Let DynamoDB delete rows of an app's models: this handles post_migrate.

    Raise ImproperlyConfigured for a model whose rows it cannot delete.
    """
    store: Any = connections[using]
    if store.vendor != "dynamodb":
        return
    for model in filter(expires, sender.get_models()):
        meta = model._meta
        if not meta.managed or not router.allow_migrate_model(using, model):
            continue
        column = validated(model, store)
        with translated_errors(store):
            name = store.catalog.table(meta.db_table).physical
            reply = store.db_connection.call("describe_time_to_live", TableName=name)
            found = reply["TimeToLiveDescription"]
            is_on = found["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
            if is_on and found.get("AttributeName") == column:
                continue
            wanted = {"Enabled": True, "AttributeName": column}
            store.db_connection.call(
                "update_time_to_live", TableName=name, TimeToLiveSpecification=wanted
            )


def validated(model: Any, store: Any) -> str:
    """Return the column of a model's DynamoMeta.ttl."""
    meta = model._meta
    field = meta.get_field(option(model, "ttl"))
    if field.db_type(store) not in INTEGERS:
        raise ImproperlyConfigured(
            f"{meta.label}: DynamoMeta.ttl = {field.name!r} must be an integer field, "
            "of seconds since 1970, as DynamoDB compares it with that."
        )
    uniques = [each.unique and not each.primary_key for each in meta.local_fields]
    uniques += [isinstance(each, UniqueConstraint) for each in meta.constraints]
    if any(uniques) or meta.unique_together:
        raise ImproperlyConfigured(
            f"{meta.label} has unique values besides its key, and DynamoMeta.ttl. "
            "DynamoDB would delete rows, but not their claims to these values."
        )
    column: str = field.column
    return column
