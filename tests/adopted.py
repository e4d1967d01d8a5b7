"""Collections of MongoDB as if another program had made them, and no migration."""

from typing import Any

from django.db import connection


def made_by_others(model: Any) -> None:
    """Forget that the collection of a model was made by the schema editor."""
    connection.database["nonrel_schema"].delete_one({"_id": model._meta.db_table})
    connection.known_entries.clear()
