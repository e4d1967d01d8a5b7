"""Support for document fields on the project's SQL databases.

The app "nonrel_backend" prepares each of them when it connects: AlterField converts the
stored documents, and SQLite gets the SQL functions that read documents.
"""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ..base import NonrelDatabaseWrapper
from ..local.wrapper import LocalWrapper
from .altering import conversion
from .functions import check_paths, register

# How many rows are written at a time.
BATCH = 1_000


class DocumentEditing(BaseDatabaseSchemaEditor):
    """A mixin for a database's own schema editor, which converts documents."""

    def alter_field(
        self,
        model: type[models.Model],
        old_field: models.Field,
        new_field: models.Field,
        strict: bool = False,
    ) -> None:
        super().alter_field(model, old_field, new_field, strict)
        convert = conversion(self.connection, old_field, new_field)
        if convert is None:
            return
        if self.collect_sql:
            self.collected_sql.append(
                "-- Python code converts the documents in "
                f"{model._meta.db_table}.{new_field.column}; there is no SQL for it."
            )
            return
        convert_rows(self, model, new_field, convert)


def convert_rows(
    editor: BaseDatabaseSchemaEditor,
    model: type[models.Model],
    field: models.Field,
    convert: Callable[[str], str],
) -> None:
    """Convert the documents in a column, and update the rows where they differ."""
    quote = editor.quote_name
    table, column = quote(model._meta.db_table), quote(field.column)
    keys = [quote(each.column) for each in model._meta.pk_fields]
    wanted = " AND ".join(f"{key} = %s" for key in keys)
    with editor.connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column}, {', '.join(keys)} FROM {table} "
            f"WHERE {column} IS NOT NULL"
        )
        changed = []
        for text, *key in cursor.fetchall():
            new = convert(text)
            if new != text:
                changed.append((new, *key))
        for start in range(0, len(changed), BATCH):
            cursor.executemany(
                f"UPDATE {table} SET {column} = %s WHERE {wanted}",
                changed[start : start + BATCH],
            )


def add_sql_functions(connection: BaseDatabaseWrapper) -> None:
    """Register the SQL functions, and refuse expressions that they do not support."""
    register(connection.connection)
    supported = type(connection.ops).check_expression_support.__get__(connection.ops)

    def check_expression_support(expression: Any) -> None:
        check_paths(expression)
        supported(expression)

    connection.ops.check_expression_support = check_expression_support


def extend_schema_editor(connection: BaseDatabaseWrapper) -> None:
    """Mix DocumentEditing into the connection's schema editor."""
    editor = connection.SchemaEditorClass
    if not issubclass(editor, DocumentEditing):
        bases = (DocumentEditing, editor)
        connection.SchemaEditorClass = type(editor.__name__, bases, {})


def is_ours(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a connection needs no preparation."""
    return isinstance(connection, (NonrelDatabaseWrapper, LocalWrapper))


def prepare(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Prepare a connection that has just been made: the app's signal handler."""
    if is_ours(connection):
        return
    if connection.vendor == "sqlite":
        add_sql_functions(connection)
    extend_schema_editor(connection)


def require_app(connection: BaseDatabaseWrapper) -> None:
    """Raise ImproperlyConfigured if the app is needed here and is not installed."""
    if not is_ours(connection) and not apps.is_installed("nonrel_backend"):
        raise ImproperlyConfigured(
            f"Document fields on {connection.display_name} need the app. Add "
            "'nonrel_backend' to INSTALLED_APPS."
        )
