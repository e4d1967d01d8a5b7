"""Finds foreign keys that lead nowhere."""

from collections.abc import Iterator

from .conditions import Column, Leaf
from .planner.scans import key_batches, new_query, push, python_rows
from .planner.tables import registered_models


def dangling_keys(store, table_names=None) -> Iterator[str]:
    """A sentence for each foreign key value that has no row to refer to."""
    present = set(store.introspection.table_names())
    for table, model in registered_models().items():
        if table not in present or (
            table_names is not None and table not in table_names
        ):
            continue
        for field in model._meta.local_concrete_fields:
            if field.remote_field and getattr(field, "db_constraint", False):
                yield from _dangling(store, model, field)


def _dangling(store, model, field) -> Iterator[str]:
    pk = model._meta.pk_fields[0]
    fields = [pk, field] if pk is not field else [pk]
    target = field.target_field
    query = new_query(store, model, fields)
    column = Column(field.column, field.db_type(store))
    push(query, [Leaf(column, "isnull", False)])
    for chunk in python_rows(query, fields, 0, None):
        owners = {row[-1]: row[0] for row in chunk if row[-1] is not None}
        if not owners:
            continue
        found = set()
        for part in key_batches(
            Leaf(Column(target.column, target.db_type(store)), "in", list(owners))
        ):
            others = new_query(store, target.model, [target])
            push(others, [part])
            found |= {
                row[0]
                for rows in python_rows(others, [target], 0, None)
                for row in rows
            }
        for value, owner in owners.items():
            if value not in found:
                yield (
                    f"The row in table '{model._meta.db_table}' with primary key "
                    f"'{owner}' has an invalid foreign key: "
                    f"{model._meta.db_table}.{field.column} contains a value "
                    f"'{value}' that does not have a corresponding value in "
                    f"{target.model._meta.db_table}.{target.column}."
                )
