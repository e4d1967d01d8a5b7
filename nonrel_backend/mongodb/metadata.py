"""What Django declared of each collection, which MongoDB itself does not keep."""

from typing import Any

from ..catalog.columns import describe

COLLECTION = "nonrel_schema"


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
