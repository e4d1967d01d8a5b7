"""DB_CASCADE, DB_SET_NULL and DB_SET_DEFAULT: what a DELETE does to rows that refer.

Django leaves these to the database since 6.1. The models say which foreign keys do so.
"""

from collections.abc import Callable
from typing import Any

from django.db import models, router
from django.db.models.sql import DeleteQuery, UpdateQuery

from ..catalog.columns import database_on_delete


def referring(store: Any, model: type[models.Model]) -> list[models.ForeignKey]:
    """Return the foreign keys to the model's table that the database is to follow."""
    return [
        field
        for relation in model._meta.get_fields(include_hidden=True)
        if isinstance(field := getattr(relation, "field", None), models.ForeignKey)
        and database_on_delete(field)
        and field.target_field.model._meta.concrete_model is model
        and router.allow_migrate_model(store.alias, field.model)
    ]


class Deletion:
    """The rows that a DELETE finds, those that refer to them, and so on.

    All are found before any is changed; those that refer are changed first.
    """

    def __init__(self, store: Any, using: str | None) -> None:
        self.store = store
        self.using = using
        # {model: (the compiler of its DELETE, {stored key: None})}
        self.found: dict[type[models.Model], tuple[Any, dict[Any, None]]] = {}
        self.updates: list[Callable[[], int]] = []

    def run(self, query: Any) -> int:
        """Delete the rows; return the number of those that the query itself matches."""
        waiting = [query]
        count = None
        while waiting:
            query = waiting.pop()
            model = query.get_meta().concrete_model
            fields = referring(self.store, model)
            rows = self.new_rows(query, model, fields)
            if count is None:
                count = len(rows)
            for place, field in enumerate(fields, 1):
                values = {row[place] for row in rows} - {None}
                if values and database_on_delete(field) == "CASCADE":
                    waiting.append(self.among(DeleteQuery(field.model), field, values))
                elif values:
                    self.update(field, values)
        for update in self.updates:
            update()
        for compiler, keys in reversed(self.found.values()):
            pk = compiler.query.get_meta().pk
            compiler.query_class(compiler, [pk]).delete_rows(list(keys))
        return count or 0

    def new_rows(self, query: Any, model: Any, fields: list) -> list[list]:
        """Return [stored key, *what the fields refer to] of rows not found before."""
        alias = query.get_initial_alias()
        compiler = self.compiler(query)
        targets = [field.target_field.get_col(alias) for field in fields]
        _, known = self.found.setdefault(model, (compiler, {}))
        rows = {row[0]: row for row in compiler.select_keys(query, targets)}
        new = [row for key, row in rows.items() if key not in known]
        known |= dict.fromkeys(rows)
        return new

    def among(self, query: Any, field: models.ForeignKey, values: set) -> Any:
        """Restrict the query to the rows whose foreign key is one of the values."""
        query.add_filter(f"{field.name}__in", list(values))
        return query

    def update(self, field: models.ForeignKey, values: set) -> None:
        """Note that the foreign key of rows becomes NULL, or its default."""
        query = self.among(UpdateQuery(field.model), field, values)
        is_default = database_on_delete(field) == "SET DEFAULT"
        new = field._db_default_expression if is_default else None
        query.add_update_fields([(field, None, new)])
        statement = self.compiler(query).update_statement()
        if statement:
            self.updates.append(statement[0])

    def compiler(self, query: Any) -> Any:
        compiler = query.get_compiler(connection=self.store)
        compiler.using = self.using
        return compiler
