"""PathIndex: an index on what is found inside documents."""

from django.db import models
from django.db.backends.ddl_references import Statement


class PathIndex(models.Index):
    """PathIndex("address__city", "-population", name="..."): of paths and columns.

    It has every item of a list on the way. Databases that hold documents as text have
    no such index, and go without.
    """

    # It is no index on expressions, of which Django's checks would warn.
    contains_expressions = False

    def __init__(self, *paths: str, name: str):
        self.paths = paths
        super().__init__(*map(ordered, paths), name=name)

    def deconstruct(self):
        return "nonrel_backend.fields.PathIndex", self.paths, {"name": self.name}

    def create_sql(self, model, schema_editor, using="", **kwargs):
        return Statement("SELECT 1")

    def remove_sql(self, model, schema_editor, **kwargs):
        return Statement("SELECT 1")


def ordered(path: str):
    expression = models.F(path.removeprefix("-"))
    return expression.desc() if path.startswith("-") else expression
