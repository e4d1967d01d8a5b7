"""PathIndex: an index on paths in documents."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement


class PathIndex(models.Index):
    """An index on paths and columns: PathIndex("address__city", "-rank", name="...").

    It has an entry for every item of a list in a path. Databases that hold documents as
    JSON text cannot have such an index; on them it creates nothing.
    """

    # Django's checks would warn of an index on expressions.
    contains_expressions = False

    def __init__(self, *paths: str, name: str) -> None:
        self.paths = paths
        super().__init__(*map(ordered, paths), name=name)

    def deconstruct(self) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        return "nonrel_backend.fields.PathIndex", self.paths, {"name": self.name}

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Statement:
        return Statement("SELECT 1")

    def remove_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        **kwargs: Any,
    ) -> Statement:
        return Statement("SELECT 1")


def ordered(path: str) -> Any:
    """Return the expression of a path; a leading "-" makes it descending."""
    expression = models.F(path.removeprefix("-"))
    return expression.desc() if path.startswith("-") else expression
