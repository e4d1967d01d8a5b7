"""What a project's own SQL databases are given, each when it is connected to: rows that
an AlterField converts, and on SQLite functions that look into documents.
"""

from django.db.backends.signals import connection_created

from ..base import NonrelDatabaseWrapper
from ..local.wrapper import LocalWrapper
from .altering import conversion
from .functions import check_paths, register

# How many rows are read and written at a time.
BATCH = 1_000


class DocumentEditing:
    """Mixed into a SQL database's own schema editor."""

    def alter_field(self, model, old_field, new_field, strict=False):
        super().alter_field(model, old_field, new_field, strict)
        convert = conversion(self.connection, old_field, new_field)
        if convert is None:
            return
        if self.collect_sql:
            self.collected_sql.append(
                f"-- The documents in {model._meta.db_table}.{new_field.column} are "
                "converted, which cannot be written as SQL."
            )
            return
        convert_rows(self, model, new_field, convert)


def convert_rows(editor, model, field, convert) -> None:
    """Rewrite the documents that are different ones now."""
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


def look_into_documents(connection) -> None:
    """Give SQLite the functions, and refuse what they do not know."""
    register(connection.connection)
    supported = type(connection.ops).check_expression_support.__get__(connection.ops)

    def check_expression_support(expression):
        check_paths(expression)
        supported(expression)

    connection.ops.check_expression_support = check_expression_support


def convert_documents(connection) -> None:
    """Have the schema editor convert documents."""
    editor = connection.SchemaEditorClass
    if not issubclass(editor, DocumentEditing):
        bases = (DocumentEditing, editor)
        connection.SchemaEditorClass = type(editor.__name__, bases, {})


def prepare(sender, connection, **kwargs) -> None:
    if isinstance(connection, (NonrelDatabaseWrapper, LocalWrapper)):
        return
    if connection.vendor == "sqlite":
        look_into_documents(connection)
    convert_documents(connection)


connection_created.connect(prepare)
