"""Indexes and constraints of MongoDB's collections, as migrations change them."""

from collections.abc import Iterable
from datetime import datetime
from math import inf
from types import SimpleNamespace
from typing import Any

from bson import ObjectId
from django.db import NotSupportedError
from django.db.models.sql.query import Query

from ..conditions import Column, Leaf, Node, Step
from ..documents.indexes import check_unique, indexed_path
from ..microseconds import exact, hidden, ordered_by, shown
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..schema import NonrelSchemaEditor
from . import metadata
from .filters import OPERATORS_MAP
from .paths import dotted
from .precision import Precision, precision_of
from .rewriting import PARTIAL, Document, indexes_of, with_parts
from .values import to_bson

# What a unique path may lead to: documents may hold nulls, which are never equal.
NOT_NULL = {"$type": ["number", "string", "date", "bool", "binData", "objectId"]}
# JSON's null is a value, SQL's NULL is a missing key.
EXISTS = {"$exists": True}
# What a column that is not NULL holds, by db_type. Other programs store nulls, which
# are NULL too. A comparison has its value's BSON type, and the server takes an index
# with this condition for equality, which it does not with one of `$type`.
FROM_FIRST: dict[str, Any] = {
    **dict.fromkeys(["int", "long", "duration", "double", "decimal"], -inf),
    **dict.fromkeys(["string", "time"], ""),
    **dict.fromkeys(["date", "datetime"], datetime.min),
    **dict.fromkeys(["binary", "uuid"], b""),
    "bool": False,
    "objectId": ObjectId(bytes(12)),
}
PRESENT = {db_type: {"$gte": first} for db_type, first in FROM_FIRST.items()}


class CollectionIndexes(NonrelSchemaEditor):
    """Creates and drops indexes. MongoDB has no two indexes with the same keys."""

    def key(self, model: Any, column: str) -> str:
        """Return the key under which the model's documents hold a column."""
        pk = model._meta.pk
        return "_id" if pk is not None and column == pk.column else column

    def collection(self, table: str) -> Any:
        return self.connection.primary[table]

    # --- indexes ---

    def known_indexes(self, table: str) -> dict[str, tuple[list[str | None], bool]]:
        found: dict[str, tuple[list[str | None], bool]] = {}
        for name, index in indexes_of(self.collection(table)).items():
            columns: list[str | None] = [*shown(index["key"])]
            if "_id" in columns:
                pk = metadata.primary_key_of(self.connection, table)
                columns = [pk if key == "_id" else key for key in columns]
            found[name] = (columns, bool(index.get("unique")))
        return found

    def index_fields(
        self,
        model: Any,
        name: str,
        fields: Iterable[Any],
        unique: bool = False,
        condition: Any = None,
    ) -> None:
        fields = list(fields)
        keys = [key for each in fields for key in self.keys_of(model, each)]
        partial = self.partial_of(model, name, condition)
        if unique:
            partial |= {
                each.column: present(each.db_type(self.connection))
                for each in fields
                if each.null and each.column not in partial
            }
        self.create_index(model._meta.db_table, keys, name, unique, partial)

    def keys_of(self, model: Any, field: Any, way: int = 1) -> list[tuple[str, int]]:
        """Return the key of a field's column in an index, and its hidden one's."""
        key = "_id" if field.primary_key else field.column
        is_moment = self.precision(model, field).moments
        return [(name, way) for name in ([key, hidden(key)] if is_moment else [key])]

    def precision(self, model: Any, field: Any) -> Precision:
        """Return what a column of the model's table does with microseconds.

        The field may be one that the model gets, or has had.
        """
        alone = SimpleNamespace(local_concrete_fields=[field])
        keeps = self.connection.keeps_microseconds(model._meta.db_table)
        return precision_of(self.connection, alone, keeps)

    def create_index(
        self,
        table: str,
        keys: list[tuple[str, int]],
        name: str,
        unique: bool = False,
        partial: dict[str, Any] | None = None,
    ) -> None:
        """Create an index of [(key, 1 or -1)], unless there is one like it.

        A partial index holds the documents that satisfy `partial`.
        """
        options: dict[str, Any] = {"unique": True} if unique else {}
        if partial:
            options[PARTIAL] = partial
        if not self.collect_sql:
            for known in indexes_of(self.collection(table)).values():
                if (
                    list(known["key"].items()) == keys
                    and bool(known.get("unique")) == unique
                    and known.get(PARTIAL) == (partial or None)
                ):
                    return
        visible = {key: dict(keys)[key] for key in shown(dict(keys))}
        self.do(
            f'db["{table}"].createIndex({visible}, {{name: "{name}"}})',
            self.collection(table).create_index,
            keys,
            name=name,
            **options,
        )

    def remove(self, table: str, name: str) -> None:
        self.do(f'db["{table}"].dropIndex("{name}")', self.drop_index, table, name)

    def drop_index(self, table: str, name: str) -> None:
        self.collection(table).drop_index(name)

    def add_index(self, model: Any, index: Any) -> None:
        table = model._meta.db_table
        keys = self.path_keys(model, index)
        if keys and index.condition is None:
            self.create_index(table, keys, index.name)
            return
        if index.contains_expressions:
            return  # Django's checks warn of it: supports_expression_indexes is False
        partial = None
        if index.condition is not None:
            partial = self.partial_filter(model, index.condition)
            if partial is None:
                return  # an index is no constraint: queries are right without it
        keys = [
            key
            for name, order in index.fields_orders
            for key in self.keys_of(
                model, model._meta.get_field(name), -1 if order else 1
            )
        ]
        self.create_index(table, keys, index.name, partial=partial)

    def path_keys(self, model: Any, index: Any) -> list[tuple[str, int]]:
        """Return the keys of an index on paths, no keys for other expressions."""
        paths = [
            indexed_path(self.connection, model, each) for each in index.expressions
        ]
        found = [path for path in paths if path is not None]
        of_columns = not any(column.path for column, _ in found)
        if len(found) < len(paths) or (of_columns and index.contains_expressions):
            return []
        names = self.connection.precision(model._meta).columns
        return [
            (path_key(self.key(model, column.name), column), -1 if descending else 1)
            for column, descending in ordered_by(found, names)
        ]

    # --- constraints ---

    def add_unique(self, model: Any, constraint: Any) -> None:
        keys = self.path_keys(model, constraint)
        if (constraint.contains_expressions and not keys) or constraint.deferrable:
            return  # Django's checks warn of it
        check_unique(self.connection, model, constraint)
        name, condition = constraint.name, constraint.condition
        if not keys:
            fields = [model._meta.get_field(each) for each in constraint.fields]
            self.index_fields(model, name, fields, True, condition)
            return
        partial = self.partial_of(model, name, condition)
        partial |= {key: NOT_NULL for key in shown(dict(keys)) if key != "_id"}
        self.create_index(model._meta.db_table, keys, name, True, partial)

    def store_check(self, table: str, check: dict[str, Any]) -> None:
        metadata.remember_check(self.connection, table, check)

    def drop_check(self, table: str, name: str) -> None:
        metadata.forget_check(self.connection, table, name)

    # --- conditions ---

    def partial_of(self, model: Any, name: str, condition: Any) -> dict[str, Any]:
        """Return the partial filter of a unique constraint, {} for no condition.

        Raise NotSupportedError if MongoDB has none for the condition.
        """
        if condition is None:
            return {}
        partial = self.partial_filter(model, condition)
        if partial is None:
            raise NotSupportedError(
                f"MongoDB cannot enforce {name}: its condition has more than "
                "comparisons of columns with constants. Of datetimes it can hold only "
                "gte and lt, with whole milliseconds."
            )
        return partial

    def partial_filter(self, model: Any, condition: Any) -> dict[str, Any] | None:
        """Return the partialFilterExpression for a Q, None if there is none."""
        query = Query(model)
        where = query.build_where(condition)
        alias = query.get_initial_alias()
        try:
            condition = Translator(self.connection, alias).condition(where)
        except Refused:
            return None
        found = exact(condition, self.connection.precision(model._meta).columns)
        if isinstance(found, Node) and found.connector != "AND":
            return None
        partial: dict[str, Any] = {}
        for leaf in found.children if isinstance(found, Node) else (found,):
            if not isinstance(leaf, Leaf):
                return None
            part = partial_leaf(leaf)
            if part is None:
                return None
            key = self.key(model, leaf.column.name)
            known = partial.get(key, {})
            if is_presence(part):
                partial[key] = part | known
            elif is_presence(known) or not known.keys() & part.keys():
                partial[key] = known | part
            else:
                return None
        return partial


def path_key(key: str, column: Column) -> str:
    """Return a path as the key of an index, which holds every item of its arrays."""
    return dotted(key, tuple(step for step in column.path if step is not Step.EACH))


def retyped(
    index: Document, key: str, db_type: str | None, was_moment: bool, is_moment: bool
) -> Document:
    """Return an index's specification for another type of the column under `key`.

    The last two arguments say whether the column had a hidden one, and has one now.
    """
    keys: Document = {}
    for name, way in index["key"].items():
        if not (was_moment and name == hidden(key)):
            keys[name] = way
        if is_moment and name == key:
            keys[hidden(key)] = way
    partial = {
        name: present(db_type) if name == key and is_presence(part) else part
        for name, part in index.get(PARTIAL, {}).items()
    }
    return with_parts(index, keys, partial)


def present(db_type: str | None) -> dict[str, Any]:
    """Return the condition of a partial index that a column is not NULL."""
    return PRESENT.get(db_type or "", EXISTS)


def is_presence(condition: Any) -> bool:
    """Return whether a partial index's condition leaves out NULLs, and no more."""
    return condition == EXISTS or condition in PRESENT.values()


def partial_leaf(leaf: Leaf) -> dict[str, Any] | None:
    """Return the operators for a lookup in a partial filter, None if it has none."""
    if leaf.column.path or isinstance(leaf.value, Column):
        return None
    if leaf.lookup_type == "isnull":
        is_present = leaf.value == leaf.negated
        return present(leaf.column.db_type) if is_present else {"$eq": None}
    operator = OPERATORS_MAP.get(leaf.lookup_type)
    if operator is None or leaf.negated:
        return None
    db_type = leaf.column.db_type
    if leaf.lookup_type == "in":
        return {operator: [to_bson(db_type, each) for each in leaf.value]}
    return {operator: to_bson(db_type, leaf.value)}
