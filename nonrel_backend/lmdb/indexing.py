"""Schema changes of indexes: their catalog entries and the entries of the rows."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from django.db import NotSupportedError, ProgrammingError
from django.db.models.expressions import Col, Func, OrderBy
from django.db.models.functions import Collate, Lower, Reverse, Upper
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..conditions import Column
from ..documents.functions import path_text
from ..documents.indexes import check_unique, indexed_path, items_path
from ..planner.expressions import columns_in
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..schema import NonrelSchemaEditor, unsupported
from . import catalog, partial, predicates, rows
from .entries import Txn
from .expressions import COLLATIONS, validate

# What an index on these functions holds, so that it serves iexact, istartswith and
# endswith.
SEARCHED: dict[type, str] = {Lower: "fold", Upper: "fold", Reverse: "reverse"}
# Django wraps the expression of an index in this Func.
PARENTHESES = {"template": "(%(expressions)s)"}
# What a unique constraint on these functions holds.
UNIQUE: dict[type, str] = {Lower: "lower", Upper: "upper", Reverse: "reverse"}
# [(column, descending, transform)]; the column is None for an SQL expression.
IndexParts: TypeAlias = list[tuple[Any, bool, Any]]


def path_entry(column: Column) -> dict[str, Any]:
    """Return the catalog's description of a value inside documents."""
    return {"path": path_text(column.path), "db_type": column.db_type}


class IndexEditing(NonrelSchemaEditor):
    """Makes indexes on columns, document paths and expressions, also partial ones."""

    def write(self, work: Callable[[Txn], Any]) -> Any:
        return self.connection.write(work)

    def entry(self, txn: Txn, table: str) -> dict[str, Any]:
        """Return the catalog entry of a table, to be changed and saved."""
        return catalog.entry_of(txn, table)

    def make_index(
        self,
        model: Any,
        name: str,
        parts: IndexParts,
        unique: bool = False,
        condition: Any = None,
    ) -> None:
        table = model._meta.db_table
        if condition is not None:
            condition = self.condition(model, condition)

        def work(txn: Txn) -> None:
            known = self.connection.table(txn, table)
            entry = self.entry(txn, table)
            if any(index["name"] == name for index in entry["indexes"]):
                raise ProgrammingError(f"index {name} already exists")
            entry["indexes"].append(
                {
                    "id": catalog.new_tree(txn),
                    "name": name,
                    "unique": unique,
                    "parts": [
                        [
                            -1 if column is None else known.position(column),
                            descending,
                            transform,
                        ]
                        for column, descending, transform in parts
                    ],
                    "condition": condition,
                }
            )
            catalog.save(txn, table, entry)
            after = self.connection.table(txn, table)
            rows.build_index(txn, after, after.indexes[-1])

        self.write(work)

    def condition(self, model: Any, condition: Any) -> Any:
        """Return the catalog's description of a Q: a dumped condition, or an SQL
        expression if LMDB does not evaluate the condition itself.
        """
        query = Query(model)
        where = query.build_where(condition)
        alias = query.get_initial_alias()
        try:
            found = Translator(self.connection, alias).condition(where)
            predicates.prepare(found)
            return partial.dumped(found)
        except (Refused, NotSupportedError):
            query = Query(model, alias_cols=False)
            return self.expression(query, query.build_where(condition))

    def drop_index(self, table: str, name: str) -> None:
        def work(txn: Txn) -> None:
            known = self.connection.table(txn, table)
            entry = self.entry(txn, table)
            for index in known.indexes:
                if index.name == name:
                    catalog.clear_tree(txn, index.prefix)
            remove_named(entry["indexes"], name)
            catalog.save(txn, table, entry)

        self.write(work)

    def known_indexes(self, table: str) -> dict[str, tuple[list[Any], bool]]:
        def work(txn: Txn) -> dict[str, tuple[list[Any], bool]]:
            known = self.connection.table(txn, table)
            return {
                index.name: (index.columns, index.unique) for index in known.indexes
            }

        return self.connection.read(work)

    def index_parts(self, model: Any, index: Any) -> IndexParts:
        if index.expressions:
            return self.expression_parts(model, index.expressions, SEARCHED)
        parts = []
        for name, order in index.fields_orders:
            field = model._meta.get_field(name)
            items = items_path(self.connection, field)
            what = None if items is None else path_entry(items)
            parts.append((field.column, bool(order), what))
        return parts

    def expression_parts(
        self, model: Any, expressions: Sequence[Any], transforms: dict[type, str]
    ) -> IndexParts:
        query = Query(model, alias_cols=False)
        parts = []
        for expression in expressions:
            path = indexed_path(self.connection, model, expression)
            if path is None or not path[0].path:
                parts.append(self.expression_part(query, expression, transforms))
            else:
                parts.append((path[0].name, path[1], path_entry(path[0])))
        return parts

    def expression_part(
        self, query: Any, expression: Any, transforms: dict[type, str]
    ) -> tuple[str | None, bool, Any]:
        """Return (column, descending, transform) of an expression in an index.

        The column is None, and the transform an SQL expression, if it is not a column
        or one of the functions of `transforms`.
        """
        wrapped = IndexExpression(expression)
        wrapped.set_wrapper_classes(self.connection)
        resolved = wrapped.resolve_expression(query)
        descending, collation = False, None
        while isinstance(resolved, (IndexExpression, OrderBy, Collate)):
            if isinstance(resolved, OrderBy):
                descending = bool(resolved.descending)
            elif isinstance(resolved, Collate):
                collation = resolved.collation.lower()
            resolved = resolved.get_source_expressions()[-1]
        if type(resolved) is Func and resolved.extra == PARENTHESES:
            (resolved,) = resolved.get_source_expressions()
        if type(resolved) is Col and not collation:
            return resolved.target.column, descending, None
        transform = transforms.get(type(resolved))
        if transform is not None and not collation:
            (column,) = resolved.get_source_expressions()
            if type(column) is Col and column.target.db_type(self.connection) == (
                "string"
            ):
                return column.target.column, descending, transform
        return None, descending, self.expression(query, resolved, collation)

    def expression(
        self, query: Any, expression: Any, collation: str | None = None
    ) -> dict[str, Any]:
        """Return the catalog's description of an SQL expression.

        Raise NotSupportedError for a collation that LMDB does not have, DatabaseError
        for an expression that SQLite cannot index.
        """
        if collation is not None and collation not in COLLATIONS:
            raise NotSupportedError(
                f"LMDB has no collation {collation}. Its collations are "
                f"{', '.join(COLLATIONS)}."
            )
        wrapper = self.connection.local_engine.wrapper
        compiler = query.get_compiler(connection=wrapper)
        sql, params = compiler.compile(expression)
        sql = self.connection.local_engine.written_in(sql, params) % ()
        names = list(dict.fromkeys(col.target.column for col in columns_in(expression)))
        validate(sql, names)
        return {"sql": sql, "columns": names, "collation": collation}

    def add_unique(self, model: Any, constraint: Any) -> None:
        if not constraint.expressions:
            super().add_unique(model, constraint)
            return
        if unsupported(constraint):
            return
        check_unique(self.connection, model, constraint)
        parts = self.expression_parts(model, constraint.expressions, UNIQUE)
        self.create(model, constraint.name, parts, True, constraint.condition)

    def rename_index(self, model: Any, old_index: Any, new_index: Any) -> None:
        table = model._meta.db_table

        def work(txn: Txn) -> None:
            entry = self.entry(txn, table)
            named(entry["indexes"], old_index.name)["name"] = new_index.name
            catalog.save(txn, table, entry)

        text = f'ALTER INDEX "{old_index.name}" RENAME TO "{new_index.name}"'
        self.do(text, self.write, work)


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the entry of this name; raise ProgrammingError for none."""
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise ProgrammingError(f"There is no {name}.")


def remove_named(entries: list[dict[str, Any]], name: str) -> None:
    entries.remove(named(entries, name))
