"""Foreign keys without a row to refer to, for check_constraints()."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from django.db import models

from ..conditions import Column, Leaf
from ..planner.scans import key_batches, new_query, push, python_rows
from ..planner.tables import registered_models


def dangling_keys(
    store: Any, table_names: Iterable[str] | None = None
) -> Iterator[str]:
    """Yield a message for each foreign key value without a row to refer to.

    Look at the tables in `table_names`, by default at all of them. Where the store can
    tell that neither table of a foreign key has changed since it was found to be right,
    it is not looked at again: Django's TestCase checks all of them after each test.
    """
    wanted = registered_models()
    if table_names is not None:
        wanted = {table: wanted[table] for table in {*table_names} & wanted.keys()}
    keys = [
        field
        for model in wanted.values()
        for field in model._meta.local_concrete_fields
        if field.remote_field
        and getattr(field, "db_constraint", False)
        # Of a model that is not installed there is no table.
        and not isinstance(field.remote_field.model, str)
    ]
    existing = cache(lambda: set(store.introspection.table_names()))

    @cache
    def version(model: type[models.Model]) -> Any:
        is_there = model._meta.db_table in existing()
        return new_query(store, model, []).version() if is_there else None

    for field in store.suspect_keys(keys):
        place = field.model._meta.db_table, field.column
        versions = version(field.model), version(field.target_field.model)
        if None not in versions and store.right_keys.get(place) == (field, versions):
            continue
        found = False
        for message in dangling_keys_of(store, field.model, field):
            found = True
            yield message
        if not found:
            store.right_keys[place] = field, versions


def dangling_keys_of(
    store: Any, model: type[models.Model], field: models.ForeignKey
) -> Iterator[str]:
    """Yield a message for each value of one foreign key without a row."""
    pk = model._meta.pk_fields[0]
    fields = [pk, field] if pk is not field else [pk]
    target = field.target_field
    query = new_query(store, model, fields)
    push(query, [Leaf(Column(field.column, field.db_type(store)), "isnull", False)])
    for chunk in python_rows(query, fields, 0, None):
        owners = {row[-1]: row[0] for row in chunk if row[-1] is not None}
        found = existing_keys(store, target, list(owners)) if owners else set()
        for value, owner in owners.items():
            if value not in found:
                yield (
                    f"The row in table '{model._meta.db_table}' with primary key "
                    f"'{owner}' has an invalid foreign key: "
                    f"{model._meta.db_table}.{field.column} contains a value "
                    f"'{value}' that does not have a corresponding value in "
                    f"{target.model._meta.db_table}.{target.column}."
                )


def existing_keys(store: Any, target: models.Field, values: list[Any]) -> set[Any]:
    """Return those of the values that the target field has in a row."""
    column = Column(target.column, target.db_type(store))
    found: set[Any] = set()
    for batch in key_batches(Leaf(column, "in", values)):
        query = new_query(store, target.model, [target])
        push(query, [batch])
        for chunk in python_rows(query, [target], 0, None):
            found.update(row[0] for row in chunk)
    return found
