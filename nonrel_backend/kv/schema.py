"""Schema changes: entries of the catalog, rows and the index entries of rows."""

from typing import Any

from django.db import NotSupportedError, ProgrammingError
from django.db.models.expressions import OrderBy
from django.db.models.functions import Collate
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..catalog import partial
from ..catalog.expressions import stored
from ..catalog.indexes import named
from ..catalog.schema import CatalogSchemaEditor, RowChange
from ..local.expressions import COLLATIONS
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..schema import Part
from . import predicates, writing
from .access import ReadAccess
from .tables import Table


class ConditionEditor(CatalogSchemaEditor):
    """Stores the conditions of partial indexes so that queries can use these."""

    # Whether there are indexes by a collation.
    collates = False

    def index_condition(self, model: Any, condition: Any) -> dict[str, Any]:
        found = super().index_condition(model, condition)
        where = Query(model)
        alias = where.get_initial_alias()
        try:
            tree = Translator(self.connection, alias).condition(
                where.build_where(condition)
            )
            predicates.prepare(tree, self.connection.forms)
            found["tree"] = partial.dumped(tree)
        except (Refused, NotSupportedError):
            pass  # the SQL expression alone tells which rows have an entry
        return found

    def expression_part(self, query: Query, expression: Any, unique: bool) -> Part:
        collated = None
        if self.collates:
            collated = collation_of(self.connection, query, expression)
        if collated is None:
            return super().expression_part(query, expression, unique)
        inner, descending, collation = collated
        if collation not in COLLATIONS:
            raise NotSupportedError(
                f"{self.connection.display_name} has no collation {collation}. Its "
                f"collations are {', '.join(COLLATIONS)}."
            )
        wrapper = self.connection.local_engine.wrapper
        sql = query.get_compiler(connection=wrapper).compile(inner)
        part = {**stored(self.connection, sql, inner), "collation": collation}
        return None, descending, part


class KeyValueSchemaEditor(ConditionEditor):
    """Changes the catalog, and rewrites rows with their entries."""

    collates = True

    @property
    def catalog(self) -> Any:
        return self.connection.tables

    # --- tables ---

    def drop_table(self, table: str) -> None:
        self.connection.write(lambda access: access.drop_table(table))

    def rename_table(self, old: str, new: str) -> None:
        if self.table_exists(new):
            raise ProgrammingError(f'table "{new}" already exists')
        self.connection.write(lambda access: access.rename_table(old, new))
        self.rename_references(lambda reference: [new, reference[1]], old)

    def has_rows(self, table: str) -> bool:
        return self.connection.read(
            lambda access: any(map(bool, access.all_rows(access.table(table))))
        )

    # --- rows ---

    def change_rows(
        self,
        table: str,
        entry: dict[str, Any],
        change: RowChange,
        rekeyed: bool = False,
    ) -> None:
        def work(access: Any) -> None:
            before = access.table(table)
            if not (before.layout.ignores_names and change.keeps_values) or rekeyed:
                access.rewrite(before, entry, change, rekeyed)
                return
            if change.validates:
                try_change(access, before, change)
            access.save_entry(table, entry)

        self.connection.write(work)

    # --- indexes ---

    def build_index(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        entry["indexes"].append(index)

        def work(access: Any) -> None:
            access.save_entry(table, entry)
            made = access.table(table)
            writing.build_index(access, made, made.indexes[-1])

        self.connection.write(work)

    def drop_index(self, table: str, name: str) -> None:
        entry = self.catalog.copy(table)
        entry["indexes"].remove(named(entry["indexes"], name))

        def work(access: Any) -> None:
            access.drop_index(table, name)
            access.save_entry(table, entry)

        self.connection.write(work)

    def rename_index(self, model: Any, old_index: Any, new_index: Any) -> None:
        table = model._meta.db_table

        def work() -> None:
            entry = self.catalog.copy(table)
            named(entry["indexes"], old_index.name)["name"] = new_index.name
            self.catalog.save(table, entry)

        text = f'ALTER INDEX "{old_index.name}" RENAME TO "{new_index.name}"'
        self.do(text, work)


def try_change(access: ReadAccess, table: Table, change: RowChange) -> None:
    """Raise the error of a row that cannot be changed; write nothing."""
    for found in access.all_rows(table):
        for _, _, row in found:
            change.of(table.layout.as_dict(row))


def collation_of(
    store: Any, query: Query, expression: Any
) -> tuple[Any, bool, str] | None:
    """Return (expression, descending, collation), None if there is no Collate()."""
    wrapped = IndexExpression(expression)
    wrapped.set_wrapper_classes(store)
    resolved = wrapped.resolve_expression(query)
    descending, collation = False, None
    while isinstance(resolved, (IndexExpression, OrderBy, Collate)):
        if isinstance(resolved, OrderBy):
            descending = bool(resolved.descending)
        elif isinstance(resolved, Collate):
            collation = str(resolved.collation).lower()
        resolved = resolved.get_source_expressions()[-1]
    return None if collation is None else (resolved, descending, collation)
