"""What Django declared of each collection, which MongoDB itself does not keep."""

from typing import Any

COLLECTION = "nonrel_schema"


def describe(field, connection) -> dict[str, Any]:
    """One column's entry."""
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
    return column


def in_composite_key(field) -> bool:
    model = getattr(field, "model", None)
    return model is not None and field in model._meta.pk_fields


def internal_type(field) -> str:
    while field.remote_field and getattr(field, "target_field", None):
        field = field.target_field
        kind = field.get_internal_type()
        if kind.endswith("AutoField"):
            return REFERRING.get(kind, "IntegerField")
    kind = field.get_internal_type()
    return "CharField" if kind in STORED_AS_TEXT else kind


# What a foreign key to an automatic key holds.
REFERRING = {"BigAutoField": "BigIntegerField", "ObjectIdAutoField": "ObjectIdField"}
# inspectdb has no use for these: what they add is in the project, not the store.
STORED_AS_TEXT = {"FileField", "FilePathField", "SlugField"}


def remember(connection, model) -> None:
    """Write down the model's columns."""
    fields = [each for each in model._meta.local_concrete_fields if each.column]
    connection.database[COLLECTION].replace_one(
        {"_id": model._meta.db_table},
        {"columns": [describe(field, connection) for field in fields]},
        upsert=True,
    )


def remember_columns(connection, table: str, columns: list[dict[str, Any]]) -> None:
    connection.database[COLLECTION].update_one(
        {"_id": table}, {"$set": {"columns": columns}}, upsert=True
    )


def forget(connection, table: str) -> None:
    connection.database[COLLECTION].delete_one({"_id": table})


def rename(connection, old: str, new: str) -> None:
    found = connection.database[COLLECTION].find_one_and_delete({"_id": old})
    if found:
        connection.database[COLLECTION].replace_one(
            {"_id": new}, {**found, "_id": new}, upsert=True
        )


def remember_check(connection, table: str, name: str, columns: list[str]) -> None:
    connection.database[COLLECTION].update_one(
        {"_id": table},
        {"$push": {"checks": {"name": name, "columns": columns}}},
        upsert=True,
    )


def forget_check(connection, table: str, name: str) -> None:
    connection.database[COLLECTION].update_one(
        {"_id": table}, {"$pull": {"checks": {"name": name}}}
    )


def checks_of(connection, table: str) -> list[dict[str, Any]]:
    found = connection.database[COLLECTION].find_one({"_id": table}) or {}
    return found.get("checks", [])


SAMPLED_TYPES: dict[str, tuple[str, str]] = {
    "int": ("int", "IntegerField"),
    "long": ("long", "BigIntegerField"),
    "double": ("double", "FloatField"),
    "string": ("string", "TextField"),
    "bool": ("bool", "BooleanField"),
    "date": ("datetime", "DateTimeField"),
    "decimal": ("decimal", "DecimalField"),
    "binData": ("binary", "BinaryField"),
    "object": ("json", "JSONField"),
    "array": ("json", "JSONField"),
    "objectId": ("objectId", "ObjectIdField"),
}


def columns_of(connection, table: str) -> list[dict[str, Any]]:
    """The columns as declared, else as a sample of documents shows them."""
    found = connection.database[COLLECTION].find_one({"_id": table})
    if found:
        return found["columns"]
    connection.require_table(table)
    types = connection.database[table].aggregate(
        [
            {"$sample": {"size": 1000}},
            {"$project": {"pairs": {"$objectToArray": "$$ROOT"}}},
            {"$unwind": "$pairs"},
            {"$group": {"_id": {"name": "$pairs.k", "type": {"$type": "$pairs.v"}}}},
            {"$sort": {"_id.name": 1}},
        ]
    )
    columns: dict[str, dict[str, Any]] = {}
    for each in types:
        name, kind = each["_id"]["name"], each["_id"]["type"]
        db_type, internal = SAMPLED_TYPES.get(kind, ("json", "JSONField"))
        if name == "_id" and kind == "objectId":
            internal = "ObjectIdAutoField"
        if name in columns and columns[name]["db_type"] != db_type:
            db_type, internal = "json", "JSONField"
        columns[name] = {
            "name": "id" if name == "_id" else name,
            "db_type": db_type,
            "internal_type": internal,
            "null": name != "_id",
            "pk": name == "_id",
        }
    return list(columns.values())
