"""What INSERT OR … and ON CONFLICT need: a table's constraints, in the local engine."""

from collections.abc import Iterable
from typing import Any

from django.db import DatabaseError, NotSupportedError

from ..catalog.unique import UniqueIndex
from ..conditions import FALSE, Column, Condition, Leaf, conjunction, disjunction
from ..local.texts import Write
from ..values.saving import of_column
from .constraints import RowValidator
from .raw_tables import WrittenTable

# What SQL does about conflicts that no store does.
REFUSED = {
    "FAIL": "keeps the rows before the one that fails",
    "ROLLBACK": "ends the transaction",
}


def refuse_resolution(store: Any, write: Write) -> None:
    """Raise NotSupportedError for OR FAIL and OR ROLLBACK."""
    if write.resolution in REFUSED:
        raise NotSupportedError(
            f"{store.display_name} has no OR {write.resolution} of SQL, which "
            f"{REFUSED[write.resolution]}: use OR IGNORE, OR REPLACE, ON CONFLICT, or "
            "none of them in a block of atomic()."
        )


class ConstrainedTable(WrittenTable):
    """A table to which SQLite writes as the constraints of the store's table allow."""

    def __init__(self, store: Any, name: str) -> None:
        super().__init__(store, name)
        self.store = store
        self.uniques: list[UniqueIndex] = store.unique_indexes(self.meta.model)
        required = {
            column
            for column, field in self.stored.items()
            if not field.null and field is not self.meta.auto_field
        }
        checks = [
            field.db_parameters(store.local_engine.wrapper)["check"]
            for field in self.stored.values()
        ]
        checks += [
            store.local_engine.written_in(sql, params).replace("%%", "%")
            for _, sql, params in RowValidator(store, self.meta).constraints
        ]
        self.definition = ", ".join(
            [
                f"{definition} NOT NULL" if column in required else definition
                for column, definition in self.definitions.items()
            ]
            + [f"CHECK ({check})" for check in checks if check]
        )

    def create(self, cursor: Any, engine: Any) -> None:
        super().create(cursor, engine)
        table = engine.quote(self.name)
        for index in self.uniques:
            parts = ", ".join(
                engine.quote(part) if isinstance(part, str) else sql_of(part)
                for part in index.parts
            )
            condition = f" WHERE {sql_of(index.condition)}" if index.condition else ""
            name = engine.quote(index.name)
            try:
                cursor.execute(
                    f"CREATE UNIQUE INDEX {name} ON {table} ({parts}){condition}"
                )
            except DatabaseError as error:
                cursor.execute(f"DROP TABLE {table}")
                raise NotSupportedError(
                    f"SQL cannot resolve conflicts in {self.name}: SQLite has no "
                    f"unique index like {index.name} ({error}). Use bulk_create() with "
                    "ignore_conflicts or update_conflicts."
                ) from error

    def conditions(self, rows: list[dict[str, Any]]) -> list[Condition]:
        """Return conditions that all stored rows satisfy with which new ones collide.

        The new rows are {column: value from get_db_prep_save()}.
        """
        found = [self.collisions(index, rows) for index in self.uniques]
        return [disjunction(*found)]

    def collisions(
        self, index: UniqueIndex, rows: Iterable[dict[str, Any]]
    ) -> Condition:
        conditions: list[Condition] = []
        for name in index.plain:
            field = self.fields[name]
            db_type = self.store.type_of(field)
            if field.generated or db_type in ("json", "document"):
                continue
            given = [row[name] for row in rows if row[name] is not None]
            values = [of_column(db_type, value) for value in given]
            if not values:
                return FALSE  # a NULL collides with nothing
            conditions.append(Leaf(Column(name, db_type), "in", values))
        return conjunction(*conditions)


def sql_of(part: dict[str, Any]) -> str:
    """Return the SQL of a part of an index."""
    return "({})".format(part["sql"].replace("%%", "%"))
