"""What Django declared of each collection, which MongoDB itself does not store."""

from typing import Any

from ..catalog.columns import describe

COLLECTION = "nonrel_schema"


def remember(connection: Any, model: Any) -> None:
    """Store the columns of a model."""
    fields = [each for each in model._meta.local_concrete_fields if each.column]
    connection.database[COLLECTION].replace_one(
        {"_id": model._meta.db_table},
        {"columns": [describe(field, connection) for field in fields]},
        upsert=True,
    )


def save_columns(connection: Any, table: str, columns: list[dict[str, Any]]) -> None:
    connection.database[COLLECTION].update_one(
        {"_id": table}, {"$set": {"columns": columns}}, upsert=True
    )


def add_column(connection: Any, table: str, column: dict[str, Any]) -> None:
    """Add the description of a column, see catalog.columns.describe()."""
    columns = columns_of(connection, table)
    others = [each for each in columns if each["name"] != column["name"]]
    save_columns(connection, table, [*others, column])


def change_column(
    connection: Any, table: str, name: str, column: dict[str, Any]
) -> None:
    """Replace the description of the column `name`."""
    columns = columns_of(connection, table)
    changed = [column if each["name"] == name else each for each in columns]
    save_columns(connection, table, changed)


def remove_column(connection: Any, table: str, name: str) -> None:
    columns = columns_of(connection, table)
    save_columns(connection, table, [each for each in columns if each["name"] != name])


def forget(connection: Any, table: str) -> None:
    """Remove what is stored of a table that was dropped."""
    connection.database[COLLECTION].delete_one({"_id": table})


def rename(connection: Any, old: str, new: str) -> None:
    found = connection.database[COLLECTION].find_one_and_delete({"_id": old})
    if found:
        connection.database[COLLECTION].replace_one(
            {"_id": new}, {**found, "_id": new}, upsert=True
        )


def remember_check(connection: Any, table: str, name: str, columns: list[str]) -> None:
    """Store the name and columns of a check constraint, which the toolkit applies."""
    connection.database[COLLECTION].update_one(
        {"_id": table},
        {"$push": {"checks": {"name": name, "columns": columns}}},
        upsert=True,
    )


def forget_check(connection: Any, table: str, name: str) -> None:
    connection.database[COLLECTION].update_one(
        {"_id": table}, {"$pull": {"checks": {"name": name}}}
    )


def checks_of(connection: Any, table: str) -> list[dict[str, Any]]:
    """Return the "name" and "columns" of the table's check constraints."""
    found = connection.database[COLLECTION].find_one({"_id": table}) or {}
    return found.get("checks", [])


# How many documents are sampled of a collection that no migration has made.
SAMPLE_SIZE = 1_000
# The db_type and the field of values in such documents, by their BSON type.
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


def primary_key_of(connection: Any, table: str) -> str:
    """Return the column that `_id` holds, "_id" if it holds several."""
    columns = [each["name"] for each in columns_of(connection, table) if each["pk"]]
    return columns[0] if len(columns) == 1 else "_id"


def columns_of(connection: Any, table: str) -> list[dict[str, Any]]:
    """Return the columns as declared, else as a sample of the documents shows them.

    Raise ProgrammingError if there is no such collection.
    """
    found = connection.database[COLLECTION].find_one({"_id": table})
    if found:
        return found["columns"]
    connection.require_table(table)
    return sampled_columns(connection, table)


def sampled_columns(connection: Any, table: str) -> list[dict[str, Any]]:
    types = connection.database[table].aggregate(
        [
            {"$sample": {"size": SAMPLE_SIZE}},
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
