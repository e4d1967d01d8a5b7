"""Schema changes: DynamoDB's tables and indexes, and the core's entries."""

import time
from functools import partial
from typing import Any

from django.db import DatabaseError, NotSupportedError

from ..kv.conditional_schema import ConditionalSchemaEditor, Current, free_id
from ..kv.tables import Table
from .catalog import described
from .flushing import delete_partitions
from .indexes import LocalIndex, NativeIndex
from .native_tables import NativeTables
from .tables import DynamoTable

# The types of attributes in keys of secondary indexes, by the column's db_type. A
# decimal is not always a number in DynamoDB, nor is a double.
INDEX_TAGS = {
    **dict.fromkeys(("int", "long", "duration"), "N"),
    **dict.fromkeys(("string", "date", "datetime", "time", "uuid"), "S"),
    "binary": "B",
}


class DatabaseSchemaEditor(ConditionalSchemaEditor):
    """Makes, changes and deletes DynamoDB's tables, and waits until that is done."""

    @property
    def native(self) -> NativeTables:
        found: NativeTables = self.catalog.native
        return found

    def described(self, field: Any) -> dict[str, Any]:
        return {**super().described(field), **described(field, self.connection)}

    # --- tables ---

    def table_entry(self, model: Any) -> dict[str, Any]:
        entry = super().table_entry(model)
        entry["indexes"] = [
            self.native_index(model, each)
            for each in model._meta.indexes
            if isinstance(each, NativeIndex)
        ]
        return entry | self.buckets()

    def buckets(self) -> dict[str, Any]:
        """Return what tells in how many partitions entries are."""
        buckets = self.connection.option("buckets", 1)
        return {"buckets": buckets} if buckets > 1 else {}

    def new_table(self, table: str, entry: dict[str, Any]) -> None:
        self.catalog.make_own_tables()
        taken: set[str] = set()
        while True:
            made = self.catalog.made_table(table, entry)
            if self.native.create(made.physical, self.schema(made)):
                break
            # The name may be that of a table that was renamed, or made again.
            taken = taken or self.catalog.ids()
            if entry.get("id", table) not in taken:
                self.native.take(made.physical, self.schema(made))
                break
            taken.add(entry.get("id", table))
            entry["id"] = free_id(table, taken)

    def schema(self, table: DynamoTable) -> dict[str, Any]:
        """Return the parameters of CreateTable for a table with its own indexes."""
        found = table.key_schema()
        for each in table.entry["indexes"]:
            if "kind" in each:
                kind = f"{each['kind'].title()}SecondaryIndexes"
                found.setdefault(kind, []).append(self.definition(each))
                found["AttributeDefinitions"] = merged(
                    found["AttributeDefinitions"], attributes(table, each)
                )
        return found

    def discard(self, table: str, entry: dict[str, Any]) -> None:
        made = self.catalog.made_table(table, entry)
        self.native.delete(made.physical)
        indexes = [each for each in made.indexes if not each.entry.get("kind")]
        delete_partitions(self.connection, made, indexes)

    def source(self, before: Table | None, table: Table) -> Table:
        if before is None:
            return table
        assert isinstance(table, DynamoTable)
        columns = [*before.entry["columns"]]
        columns += [
            each
            for each in table.entry["columns"]
            if each["name"] not in before.columns
        ]
        made = self.catalog.made_table(table.name, {**before.entry, "columns": columns})
        made.row_of = partial(row_of_either, made.row_of, table.row_of)
        return made

    # --- DynamoDB's own indexes ---

    def add_index(self, model: Any, index: Any) -> None:
        if not isinstance(index, NativeIndex):
            super().add_index(model, index)
            return
        table = model._meta.db_table
        if self.collect_sql or index.name not in self.known_indexes(table):
            columns = ", ".join(f'"{name}"' for name, _ in index.fields_orders)
            text = f'CREATE {index.kind.upper()} INDEX "{index.name}" ON "{table}"'
            self.do(f"{text} ({columns})", self.make_native, model, index)

    def make_native(self, model: Any, index: NativeIndex) -> None:
        table = model._meta.db_table
        made = self.native_index(model, index)
        if isinstance(index, LocalIndex):
            raise NotSupportedError(
                f"{table}: the LocalIndex {index.name} cannot be added, as DynamoDB "
                "makes local indexes only together with their table. Use a GlobalIndex."
            )
        entry, known = self.catalog.copy(table), self.catalog.table(table)
        self.native.call(
            "update_table",
            TableName=known.physical,
            AttributeDefinitions=merged(
                known.key_schema()["AttributeDefinitions"], attributes(known, made)
            ),
            GlobalSecondaryIndexUpdates=[{"Create": self.definition(made)}],
        )
        self.native.wait(known.physical)
        entry["indexes"].append(made)
        self.catalog.save(table, entry)

    def native_index(self, model: Any, index: NativeIndex) -> dict[str, Any]:
        """Return the entry of an index; raise NotSupportedError for wrong fields."""
        meta = model._meta
        columns = []
        for name, _ in index.fields_orders:
            field = meta.get_field(name)
            if field.db_type(self.connection) not in INDEX_TAGS:
                raise NotSupportedError(
                    f"{meta.label}.{name} cannot be in {type(index).__name__} "
                    f"{index.name}: in DynamoDB's indexes are texts, integers, dates, "
                    "times, UUIDs and bytes. Use db_index=True or models.Index."
                )
            columns.append(field.column)
        if isinstance(index, LocalIndex) and not (
            len(meta.pk_fields) == 2 and columns[0] == meta.pk_fields[0].column
        ):
            raise NotSupportedError(
                f"{meta.label}: the LocalIndex {index.name} must begin with the first "
                "field of a CompositePrimaryKey of two fields. Use a GlobalIndex."
            )
        projection = index.projection
        if not isinstance(projection, str):
            projection = [meta.get_field(each).column for each in projection]
        return {
            "name": index.name,
            "unique": False,
            "parts": columns,
            "descending": [False] * len(columns),
            "condition": None,
            "columns": columns,
            "kind": index.kind,
            "projection": projection,
        }

    def definition(self, index: dict[str, Any]) -> dict[str, Any]:
        """Return an index of the catalog as CreateTable and UpdateTable take it."""
        projection: dict[str, Any] = {"ProjectionType": "INCLUDE"}
        if index["projection"] == "all":
            projection = {"ProjectionType": "ALL"}
        elif index["projection"] == "keys":
            projection = {"ProjectionType": "KEYS_ONLY"}
        else:
            projection["NonKeyAttributes"] = index["projection"]
        return {
            "IndexName": index.get("id", index["name"]),
            "KeySchema": [
                {"AttributeName": column, "KeyType": kind}
                for column, kind in zip(
                    index["columns"], ("HASH", "RANGE"), strict=False
                )
            ],
            "Projection": projection,
            **(self.native.throughput() if index["kind"] == "global" else {}),
        }

    def drop_native(self, table: Table, index: dict[str, Any]) -> None:
        assert isinstance(table, DynamoTable)
        name = index.get("id", index["name"])
        self.native.call(
            "update_table",
            TableName=table.physical,
            GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}],
        )
        for _ in self.native.looks(f"to delete the index {name}"):
            found = self.native.describe(table.physical) or {}
            indexes = found.get("GlobalSecondaryIndexes", ())
            if name not in {each["IndexName"] for each in indexes}:
                return

    # --- indexes of entries ---

    def build_index(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        super().build_index(table, entry, index | self.buckets())

    def drop_index(self, table: str, name: str) -> None:
        for each in self.catalog.entry(table)["indexes"]:
            if each["name"] == name and each.get("kind") == "local":
                raise NotSupportedError(
                    f"{table}: DynamoDB cannot remove the LocalIndex {name} without "
                    "its table."
                )
        super().drop_index(table, name)

    def discard_index(self, table: Table, index: dict[str, Any]) -> None:
        if index.get("kind"):
            self.drop_native(table, index)
            return
        # Until then other processes may put entries by the old catalog.
        time.sleep(self.schema_wait)
        assert isinstance(table, DynamoTable)
        delete_partitions(self.connection, table, [table.make_index(index)])

    # --- columns ---

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        entry = self.catalog.entry(model._meta.db_table)
        old_type, new_type = (
            each.db_type(self.connection) for each in (old_field, new_field)
        )
        if (old_field.column, old_type) != (new_field.column, new_type):
            for each in entry["indexes"]:
                if each.get("kind") and old_field.column in each["columns"]:
                    raise NotSupportedError(
                        f"{model._meta.db_table}.{old_field.column} cannot be altered, "
                        f"as the index {each['name']} is DynamoDB's own. Remove the "
                        "index in a migration before, and add it again after this one."
                    )
        super().change_column(model, old_field, new_field, value)


def attributes(table: DynamoTable, index: dict[str, Any]) -> list[dict[str, str]]:
    """Return the AttributeDefinitions of the key of an index."""
    return [
        {"AttributeName": name, "AttributeType": INDEX_TAGS[table.db_type(name)]}
        for name in index["columns"]
    ]


def merged(known: list[dict[str, str]], more: list[dict[str, str]]) -> list[Any]:
    """Return AttributeDefinitions without repetitions."""
    found = {each["AttributeName"]: each for each in [*known, *more]}
    return list(found.values())


def row_of_either(before: Any, after: Any, item: Any) -> Any:
    """Return the row of an item of before a change of columns, or of after it."""
    try:
        return before(item)
    except DatabaseError:
        return Current(after(item))
