"""Indexes and constraints of MongoDB's collections, as migrations change them."""

from collections.abc import Iterable
from functools import partial as partially
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DatabaseError
from django.db.models.sql.query import Query

from ..conditions import Column, Step
from ..dml.generated import fill
from ..documents.indexes import check_unique, indexed_path
from ..microseconds import exact, hidden, ordered_by, shown
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..schema import NonrelSchemaEditor, logger
from . import metadata
from .hidden_keys import HIDDEN, HOLDS, described, hidden_key_of
from .partials import (
    EXISTS,
    NULL,
    Inexpressible,
    both,
    is_presence,
    partial_filter,
    present,
)
from .paths import dotted
from .precision import Precision, precision_of
from .rewriting import PARTIAL, Document, indexes_of, is_within, keys_in, with_parts

# What a unique path may lead to: documents may hold nulls, which are never equal.
NOT_NULL = {"$type": ["number", "string", "date", "bool", "binData", "objectId"]}


class CollectionIndexes(NonrelSchemaEditor):
    """Creates and drops indexes. MongoDB has no two indexes with the same keys."""

    def key(self, model: Any, column: str) -> str:
        """Return the key under which the model's documents hold a column."""
        return self.connection.precision(model._meta).key(column)

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
        assert condition is None  # add_unique() creates the partial ones
        partial = self.not_null(fields, {}) if unique else {}
        self.create_index(model._meta.db_table, keys, name, unique, partial)

    def not_null(self, fields: Iterable[Any], partial: Document) -> Document:
        """Return the filter for rows without NULLs, which are never equal."""
        return {
            each.column: present(each.db_type(self.connection))
            for each in fields
            if each.null and partial.get(each.column, NULL) == NULL
        }

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
        self.drop_hidden(table, name)

    def add_index(self, model: Any, index: Any) -> None:
        table = model._meta.db_table
        keys = self.path_keys(model, index)
        if keys and index.condition is None:
            self.create_index(table, keys, index.name)
            return
        if index.contains_expressions:
            return  # Django's checks warn of it: supports_expression_indexes is False
        # An index of all rows serves in the place of one that the server has not.
        partial = self.partial_of(model, index.condition) or {}
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

    # --- conditions that change with their columns ---

    def conditional_on(self, table: str, column: str, key: str) -> list[str]:
        """Return the indexes whose conditions compare a column, which is under `key`.

        One that only leaves out its NULLs is none.
        """
        names = [
            name
            for name, index in indexes_of(self.collection(table)).items()
            if key in keys_in(index.get(PARTIAL))
            and not is_presence(index[PARTIAL].get(key))
        ]
        hidden = metadata.hidden_of(self.connection, table)
        names += [each["name"] for each in hidden if column in each["columns"]]
        return list(dict.fromkeys(names))

    def indexes_on(self, table: str, column: str) -> list[str]:
        """Return the indexes that hold a column or a path in it, or depend on it."""
        names = [
            name
            for name, index in indexes_of(self.collection(table)).items()
            if any(
                is_within(column, key)
                for key in (*index["key"], *keys_in(index.get(PARTIAL)))
            )
        ]
        return list({*names, *self.conditional_on(table, column, column)})

    def add_again(self, model: Any, names: list[str]) -> None:
        """Create the named indexes and constraints of a model's options."""
        for constraint in model._meta.constraints:
            if constraint.name in names:
                self.add_unique(model, constraint)
        for index in model._meta.indexes:
            if index.name in names:
                self.add_index(model, index)

    # --- constraints ---

    def add_unique(self, model: Any, constraint: Any) -> None:
        """Create the unique index of a constraint, on hidden keys if it takes those."""
        keys = self.path_keys(model, constraint)
        computed = constraint.contains_expressions and not keys
        if constraint.deferrable or (computed and constraint.condition is None):
            return  # Django's checks warn of it
        check_unique(self.connection, model, constraint)
        partial = None if computed else self.partial_of(model, constraint.condition)
        hidden: list[Document] = []
        if partial is None:
            expressions = constraint.expressions if computed else []
            hidden = described(self.connection, model, constraint, expressions)
            partial = {hidden[0]["key"]: EXISTS if computed else HOLDS}
        if computed:
            keys = [(each["key"], 1) for each in hidden]
        elif keys:
            visible = [key for key in shown(dict(keys)) if key != "_id"]
            partial = both(partial, dict.fromkeys(visible, NOT_NULL))
        else:
            fields = [model._meta.get_field(name) for name in constraint.fields]
            keys = [key for each in fields for key in self.keys_of(model, each)]
            partial = both(partial, self.not_null(fields, partial))
        table, name = model._meta.db_table, constraint.name
        if hidden:
            text = f'db["{table}"]: hidden keys of "{name}"'
            self.do(text, self.make_hidden, model, name, hidden)
        try:
            self.create_index(table, keys, name, True, partial)
        except DatabaseError:
            self.do(f'db["{table}"]: drop them', self.drop_hidden, table, name)
            raise

    def takes_hidden_keys(self, model: Any, constraint: Any) -> bool:
        """Return whether no index of the server's expresses a constraint."""
        if constraint.condition is None or constraint.deferrable:
            return False
        if constraint.contains_expressions and not self.path_keys(model, constraint):
            return True
        return self.partial_of(model, constraint.condition) is None

    def make_hidden(self, model: Any, name: str, hidden: list[Document]) -> None:
        """Store the hidden keys of a constraint, and fill them in all documents."""
        table = model._meta.db_table
        logger.warning(HIDDEN, table, name)
        known = metadata.hidden_of(self.connection, table)
        others = [each for each in known if each["name"] != name]
        metadata.save_hidden(self.connection, table, [*others, *hidden])
        for each in hidden:
            fill(self.connection, model, hidden_key_of(each))

    def drop_hidden(self, table: str, name: str) -> None:
        """Remove the hidden keys of a constraint, if it has any."""
        known = metadata.hidden_of(self.connection, table)
        gone = {each["key"]: "" for each in known if each["name"] == name}
        if gone:
            others = [each for each in known if each["name"] != name]
            metadata.save_hidden(self.connection, table, others)
            self.collection(table).update_many({}, {"$unset": gone})

    def store_check(self, table: str, check: dict[str, Any]) -> None:
        metadata.remember_check(self.connection, table, check)

    def drop_check(self, table: str, name: str) -> None:
        metadata.forget_check(self.connection, table, name)

    # --- conditions ---

    def partial_of(self, model: Any, condition: Any) -> Document | None:
        """Return the partial filter of a condition, {} for none.

        Return None if MongoDB has no partial index with the condition.
        """
        if condition is None:
            return {}
        query = Query(model)
        where = query.build_where(condition)
        translator = Translator(self.connection, query.get_initial_alias())
        names = self.connection.precision(model._meta).columns
        try:
            found = exact(translator.condition(where), names)
            version = self.connection.get_database_version()
            return partial_filter(found, partially(self.key, model), version)
        except (Refused, Inexpressible, EmptyResultSet, FullResultSet):
            return None


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
