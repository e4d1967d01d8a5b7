"""What Django declared of each collection, which MongoDB itself does not store."""

from typing import Any

from ..catalog.columns import describe

COLLECTION = "nonrel_schema"


def remember(connection: Any, model: Any) -> None:
    """Store the columns of a model whose collection a migration has made."""
    fields = [each for each in model._meta.local_concrete_fields if each.column]
    connection.primary[COLLECTION].replace_one(
        {"_id": model._meta.db_table},
        {
            "columns": [describe(field, connection) for field in fields],
            "microseconds": True,
        },
        upsert=True,
    )
    connection.known_entries.pop(model._meta.db_table, None)


def save_columns(connection: Any, table: str, columns: list[dict[str, Any]]) -> None:
    stored = [
        {name: fact for name, fact in each.items() if name != "inferred"}
        for each in columns
    ]
    save(connection, table, {"columns": stored})


def save(connection: Any, table: str, values: dict[str, Any]) -> None:
    """Store values of a table; note it if no migration has made the collection."""
    connection.primary[COLLECTION].update_one(
        {"_id": table},
        {"$set": values, "$setOnInsert": {"adopted": True}},
        upsert=True,
    )
    connection.known_entries.pop(table, None)


def add_column(connection: Any, table: str, column: dict[str, Any]) -> None:
    """Add the description of a column, see catalog.columns.describe()."""
    columns = columns_of(connection, table)
    others = [each for each in columns if each["name"] != column["name"]]
    save_columns(connection, table, [*others, column])


def change_column(
    connection: Any, table: str, name: str, column: dict[str, Any]
) -> None:
    """Replace the description of the column `name`, and its name in the checks."""
    columns = columns_of(connection, table)
    changed = [column if each["name"] == name else each for each in columns]
    save_columns(connection, table, changed)
    new = column["name"]
    if new != name:
        checks = checks_of(connection, table)
        hidden = hidden_of(connection, table)
        quote = connection.local_engine.quote
        for each in (*checks, *hidden):
            if name in each["columns"]:
                each["columns"] = [
                    new if known == name else known for known in each["columns"]
                ]
                if "sql" in each:  # an older version has stored none of checks
                    each["sql"] = each["sql"].replace(quote(name), quote(new))
        save_checks(connection, table, checks)
        save_hidden(connection, table, hidden)


def remove_column(connection: Any, table: str, name: str) -> None:
    """Remove a column, and the check constraints that it is in."""
    columns = columns_of(connection, table)
    save_columns(connection, table, [each for each in columns if each["name"] != name])
    checks = checks_of(connection, table)
    kept = [each for each in checks if name not in each["columns"]]
    save_checks(connection, table, kept)


def forget(connection: Any, table: str) -> None:
    """Remove what is stored of a table that was dropped."""
    connection.primary[COLLECTION].delete_one({"_id": table})
    connection.known_entries.pop(table, None)


def rename(connection: Any, old: str, new: str) -> None:
    found = connection.primary[COLLECTION].find_one_and_delete({"_id": old})
    if found:
        connection.primary[COLLECTION].replace_one(
            {"_id": new}, {**found, "_id": new}, upsert=True
        )
    connection.known_entries.clear()


def remember_check(connection: Any, table: str, check: dict[str, Any]) -> None:
    """Store a check constraint, {"name", "columns", "sql"}."""
    save_checks(connection, table, [*checks_of(connection, table), check])


def forget_check(connection: Any, table: str, name: str) -> None:
    checks = checks_of(connection, table)
    save_checks(connection, table, [each for each in checks if each["name"] != name])


def save_checks(connection: Any, table: str, checks: list[dict[str, Any]]) -> None:
    save(connection, table, {"checks": checks})


def checks_of(connection: Any, table: str) -> list[dict[str, Any]]:
    """Return the check constraints of a collection, which the toolkit applies."""
    checks: list[dict[str, Any]] = (entry_of(connection, table) or {}).get("checks", [])
    return checks


def save_hidden(connection: Any, table: str, hidden: list[dict[str, Any]]) -> None:
    """Store the hidden keys of a collection: see hidden_keys.py."""
    save(connection, table, {"hidden": hidden})


def hidden_of(connection: Any, table: str) -> list[dict[str, Any]]:
    """Return the hidden keys of a collection."""
    hidden: list[dict[str, Any]] = (entry_of(connection, table) or {}).get("hidden", [])
    return hidden


def entry_of(connection: Any, table: str) -> dict[str, Any] | None:
    """Return all that is stored of a collection, None for nothing."""
    found: dict[str, Any] | None = connection.primary[COLLECTION].find_one(
        {"_id": table}
    )
    return found


def enforced_checks(entry: dict[str, Any] | None) -> list[dict[str, Any]] | None:
    """Return the check constraints of an entry; None if the model's are to be applied.

    That is so for a collection of which nothing is stored, and where an older version
    has stored the checks, without their SQL.
    """
    if entry is None or not all("sql" in each for each in entry.get("checks", ())):
        return None
    checks: list[dict[str, Any]] = entry.get("checks", [])
    return checks


def is_foreign(entry: dict[str, Any] | None) -> bool:
    """Return whether other programs have made a collection, or may have."""
    return entry is None or entry.get("adopted", False)


def keeps_microseconds(entry: dict[str, Any] | None) -> bool:
    """Return whether hidden columns keep what BSON's dates do not hold.

    An older version has made collections without them.
    """
    return entry is not None and bool(entry.get("microseconds"))


def primary_key_of(connection: Any, table: str) -> str:
    """Return the column that `_id` holds, "_id" if it holds several."""
    columns = [each["name"] for each in columns_of(connection, table) if each["pk"]]
    return columns[0] if len(columns) == 1 else "_id"


def columns_of(connection: Any, table: str) -> list[dict[str, Any]]:
    """Return the columns as declared, else as a sample of the documents shows them.

    Raise ProgrammingError if there is no such collection.
    """
    found = entry_of(connection, table)
    if found and "columns" in found:
        columns: list[dict[str, Any]] = found["columns"]
        return columns
    connection.require_table(table)
    return connection.introspection.sampled_columns(table)
