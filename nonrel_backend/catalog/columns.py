"""Descriptions of columns, for stores that record what Django declares of them."""

from typing import Any

from django.db.models.sql.query import Query

# Internal types of foreign keys to automatic keys, IntegerField by default. A field
# that is not Django's has an attribute `referring_type`.
REFERRING = {"BigAutoField": "BigIntegerField"}
# For inspectdb these are text: what they add is in the project, not in the store.
STORED_AS_TEXT = {"FileField", "FilePathField", "SlugField"}


def describe(field: Any, connection: Any) -> dict[str, Any]:
    """Return the description of a field's column, as a catalog stores it."""
    column = {
        "name": field.column,
        "db_type": field.db_type(connection),
        "internal_type": internal_type(field),
        "null": field.null,
        "pk": field.primary_key or in_composite_key(field),
        "max_length": field.max_length,
        "max_digits": getattr(field, "max_digits", None),
        "decimal_places": getattr(field, "decimal_places", None),
        "collation": str(getattr(field, "db_collation", None) or "") or None,
    }
    if field.remote_field and getattr(field, "db_constraint", False):
        target = field.target_field
        column["references"] = [target.model._meta.db_table, target.column]
        if database_on_delete(field):
            column["on_delete"] = database_on_delete(field)
    return column


def database_on_delete(field: Any) -> str | None:
    """Return "CASCADE", "SET NULL" or "SET DEFAULT" if the database is to do it."""
    if not getattr(field, "db_constraint", False):
        return None
    # Only a DatabaseOnDelete, since Django 6.1, has an operation.
    return getattr(field.remote_field.on_delete, "operation", None)


def column_field(model: Any, column: str) -> Any:
    """Return the field of a column of the model's own table."""
    (field,) = (
        each for each in model._meta.local_concrete_fields if each.column == column
    )
    return field


def default_sql(field: Any, connection: Any) -> str:
    """Return a field's db_default as SQL for the local engine."""
    query = Query(field.model, alias_cols=False)
    engine = connection.local_engine
    compiler = query.get_compiler(connection=engine.wrapper)
    return engine.written_in(*compiler.compile(field._db_default_expression))


def in_composite_key(field: Any) -> bool:
    model = getattr(field, "model", None)
    return model is not None and field in model._meta.pk_fields


def internal_type(field: Any) -> str:
    """Return the internal type of the field that inspectdb shall write."""
    while field.remote_field and getattr(field, "target_field", None):
        field = field.target_field
        kind = field.get_internal_type()
        if kind.endswith("AutoField"):
            return getattr(field, "referring_type", REFERRING.get(kind, "IntegerField"))
    kind = field.get_internal_type()
    return "CharField" if kind in STORED_AS_TEXT else kind
