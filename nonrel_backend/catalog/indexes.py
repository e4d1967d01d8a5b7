"""Indexes and CHECK constraints in the catalog: the schema editor's part for them."""

from collections.abc import Iterable
from typing import Any

from django.db import ProgrammingError
from django.db.models import UniqueConstraint
from django.db.models.sql.query import Query

from ..conditions import Column
from ..documents.functions import path_steps
from ..documents.indexes import check_unique, items_path
from ..schema import NonrelSchemaEditor, Part, unsupported
from .expressions import expression_part, path_part, stored_condition
from .tables import table_model
from .unique import UniqueIndexes


class CatalogIndexes(NonrelSchemaEditor):
    """Schema changes of indexes and CHECK constraints in the catalog."""

    @property
    def catalog(self) -> Any:
        return self.connection.catalog

    # --- indexes ---

    def make_index(
        self,
        model: Any,
        name: str,
        parts: list[Part],
        unique: bool = False,
        condition: Any = None,
    ) -> None:
        table = model._meta.db_table
        entry = self.catalog.copy(table)
        if any(index["name"] == name for index in entry["indexes"]):
            raise ProgrammingError(f"index {name} already exists")
        index: dict[str, Any] = {
            "name": name,
            "unique": unique,
            "parts": [column or expression for column, _, expression in parts],
            "descending": [descending for _, descending, _ in parts],
            "condition": None,
        }
        if condition is not None:
            index["condition"] = self.index_condition(model, condition)
        index["columns"] = columns_of(index)
        self.build_index(table, entry, index)

    def build_index(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        """Add an index to the entry of its table, and save that.

        Raise IntegrityError if it is unique and the rows are not.
        """
        self.validate_unique(table, entry, index)
        entry["indexes"].append(index)
        self.catalog.save(table, entry)

    def validate_unique(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        """Raise IntegrityError if rows repeat a value of a unique index."""
        if not index["unique"]:
            return
        uniques = UniqueIndexes(self.connection, table_model(table, entry), [index])
        uniques.rows.lock()
        found = uniques.rows.find()
        uniques.validate(found, [uniques.rows.key(row) for row in found])

    def index_condition(self, model: Any, condition: Any) -> dict[str, Any]:
        """Return the condition of a partial index, a Q, as the catalog stores it."""
        return stored_condition(self.connection, model, condition)

    def drop_index(self, table: str, name: str) -> None:
        entry = self.catalog.copy(table)
        entry["indexes"].remove(named(entry["indexes"], name))
        self.catalog.save(table, entry)

    def known_indexes(self, table: str) -> dict[str, tuple[list[str | None], bool]]:
        return {
            index["name"]: (
                [part if isinstance(part, str) else None for part in index["parts"]],
                index["unique"],
            )
            for index in self.catalog.entry(table)["indexes"]
        }

    def index_parts(self, model: Any, index: Any) -> list[Part]:
        if index.expressions:
            return self.expression_parts(model, index.expressions)
        parts: list[Part] = []
        for name, order in index.fields_orders:
            field = model._meta.get_field(name)
            items = items_path(self.connection, field)
            parts.append(
                (field.column, bool(order), None)
                if items is None
                else (None, bool(order), path_part(items))
            )
        return parts

    def expression_parts(
        self, model: Any, expressions: Iterable[Any], unique: bool = False
    ) -> list[Part]:
        query = Query(model, alias_cols=False)
        return [self.expression_part(query, each, unique) for each in expressions]

    def expression_part(self, query: Query, expression: Any, unique: bool) -> Part:
        """Return the part of an index that an expression is: a column, path or SQL."""
        return expression_part(self.connection, query, expression, unique)

    def add_unique(self, model: Any, constraint: UniqueConstraint) -> None:
        if not constraint.expressions:
            super().add_unique(model, constraint)
        elif not unsupported(constraint):
            check_unique(self.connection, model, constraint)
            parts = self.expression_parts(model, constraint.expressions, unique=True)
            self.create(model, constraint.name, parts, True, constraint.condition)

    # --- CHECK constraints ---

    def store_check(self, table: str, check: dict[str, Any]) -> None:
        entry = self.catalog.copy(table)
        entry["checks"].append(check)
        self.catalog.save(table, entry)

    def drop_check(self, table: str, name: str) -> None:
        entry = self.catalog.copy(table)
        entry["checks"].remove(named(entry["checks"], name))
        self.catalog.save(table, entry)


def columns_of(index: dict[str, Any]) -> list[str]:
    """Return the names of the columns that an index of the catalog reads."""
    columns: list[str] = []
    for part in (*index["parts"], index["condition"]):
        if isinstance(part, dict):
            columns += part["columns"]
        elif part is not None:
            columns.append(part)
    return list(dict.fromkeys(columns))


def path_of_part(part: Any) -> Column | None:
    """Return the path that a part of an index is, or None for another part."""
    if not isinstance(part, dict) or "path" not in part:
        return None
    (name,) = part["columns"]
    return Column(name, part["db_type"], tuple(path_steps(part["path"])))


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the entry with a name; raise ProgrammingError if there is none."""
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise ProgrammingError(f"There is no {name}.")
