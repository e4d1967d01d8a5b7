"""WrittenTable: a table in the local engine to which a raw SQL statement writes."""

from typing import Any

from django.db import NotSupportedError, OperationalError, ProgrammingError

from ..catalog.columns import default_sql
from ..local.engine import LocalTable
from ..planner.tables import model_from_store, registered_models

ROWIDS = ("_rowid_", "rowid", "oid")


class WrittenTable(LocalTable):
    """The columns in the order in which the store has them, with what SQLite computes:
    defaults and generated columns.

    They are those of the project's model where these are the table's. In a migration
    the table may be older: then they are as the store knows them.
    """

    def __init__(self, store: Any, name: str) -> None:
        registered = registered_models().get(name)
        own = dict(columns_of(registered)) if registered else {}
        known = own and store.is_foreign(name)
        described = {} if known else described_columns(store, name)
        types = {column: store.type_of(field) for column, field in own.items()}
        stored = {column: row.type_code for column, row in described.items()}
        model = registered
        if not own or not known and types != stored:
            self.refuse_generated(name, own, stored)
            model = model_from_store(store, name)
        if model is None:
            raise OperationalError(f"no such table: {name}")
        engine = store.local_engine
        super().__init__(engine, model._meta)
        self.fields = {
            column: self.fields[column] for column in described or self.fields
        }
        self.definitions = {
            column: f"{engine.quote(column)} {engine.column_type(field)} "
            + self.computed(store, field, described.get(column), own.get(column))
            for column, field in self.fields.items()
        }
        self.definition = ", ".join(self.definitions.values())
        self.stored = {
            column: field
            for column, field in self.fields.items()
            if not field.generated
        }
        # SQLite's names for the number of a row, by which it is found again.
        taken = {column.lower() for column in self.fields}
        self.rowids = [name for name in ROWIDS if name not in taken]

    def refuse_generated(self, name: str, own: dict, stored: dict) -> None:
        """Raise NotSupportedError for generated columns of an older state."""
        for column, field in own.items():
            if field.generated and column in stored:
                raise NotSupportedError(
                    f"SQL cannot write to {name} while its columns are others than its "
                    f"model's: nothing tells how {column} is generated. Write its rows "
                    "by RunPython."
                )

    def computed(self, store: Any, field: Any, row: Any, own: Any) -> str:
        """Return a column's expression or default, as its definition has it."""
        engine = store.local_engine
        if field.generated:
            sql = engine.written_in(*field.generated_sql(engine.wrapper))
            return "GENERATED ALWAYS AS ({}) VIRTUAL".format(sql.replace("%%", "%"))
        sql = row and row.default
        if not sql and own is not None and own.has_db_default():
            sql = default_sql(own, store)
        return "DEFAULT ({})".format(sql.replace("%%", "%")) if sql else ""


def columns_of(model: Any) -> list[tuple[str, Any]]:
    """Return (column, field) of the model's own table."""
    return [
        (field.column, field)
        for field in model._meta.local_concrete_fields
        if field.column is not None
    ]


def described_columns(store: Any, table: str) -> dict[str, Any]:
    """Return {column: description} of a table; raise OperationalError if none."""
    try:
        rows = store.introspection.get_table_description(None, table)
    except ProgrammingError as error:
        raise OperationalError(f"no such table: {table}") from error
    return {row.name: row for row in rows}
