"""Schema changes on MongoDB: collections, indexes, documents brought along."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import IntegrityError, NotSupportedError
from django.db.models import CheckConstraint, CompositePrimaryKey, UniqueConstraint
from django.db.models.sql.query import Query
from django.db.transaction import TransactionManagementError
from pymongo import UpdateOne

from ..batching import batches
from ..catalog.columns import describe
from ..conditions import Column, Leaf, Node, Step
from ..documents.altering import conversion
from ..documents.indexes import check_unique, indexed_path
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..query import translated_errors
from ..schema import DROP_TABLE, Command, NonrelSchemaEditor, logger
from ..values.converting import converter
from . import metadata
from .filters import OPERATORS_MAP
from .paths import HELD, dotted
from .values import from_bson, to_bson

REWRITTEN_AT_ONCE = 1_000


class DatabaseSchemaEditor(NonrelSchemaEditor):
    """Runs outside of transactions: MongoDB builds indexes only there."""

    sql_create_table = "CREATE TABLE %(table)s -- db.createCollection(%(table)s)"
    sql_rename_table = "db[%(old_table)s].renameCollection(%(new_table)s)"

    def __enter__(self):
        editor = super().__enter__()
        self.connection.before_ddl()
        return editor

    # --- carrying out, or collecting for sqlmigrate ---

    def execute(self, sql, params=()):
        if not isinstance(sql, Command):
            self.execute_text(str(sql))
            return None
        if self.collect_sql:
            self.collected_sql.append(str(sql))
            return None
        logger.debug("%s", sql, extra={"params": params, "sql": str(sql)})
        self.connection.before_ddl()
        self.connection.sequences.indexes.clear()
        if self.logs:
            return self.connection.logged(str(sql), sql.work)
        with translated_errors(self.connection):
            return sql.work()

    def execute_text(self, sql: str, params=None) -> None:
        """Run SQL: the one kind that MongoDB can carry out is DROP TABLE."""
        if self.connection.in_atomic_block and not self.collect_sql:
            raise TransactionManagementError(
                "Executing DDL statements while in a transaction on databases that "
                "can't perform a rollback is prohibited."
            )
        dropped = DROP_TABLE.fullmatch(sql)
        if not dropped:
            raise NotSupportedError(
                f"MongoDB cannot run the SQL {sql[:80]!r} of a migration. Use "
                "RunPython, or the schema editor's own methods."
            )
        self.do(sql, self.drop_table, dropped["table"])

    @property
    def database(self):
        return self.connection.database

    # --- tables ---

    def drop_table(self, table: str) -> None:
        self.database[table].drop()
        metadata.forget(self.connection, table)
        self.connection.sequences.reset([table])

    def table_exists(self, table):
        return table in self.database.list_collection_names()

    def make_table(self, model):
        self.database.create_collection(model._meta.db_table)
        metadata.remember(self.connection, model)

    def rename_table(self, old, new):
        self.database[old].rename(new)
        metadata.rename(self.connection, old, new)
        self.connection.sequences.rename(old, new)

    # --- fields ---

    def key(self, model, column: str) -> str:
        pk = model._meta.pk
        return "_id" if pk is not None and column == pk.column else column

    def add_field(self, model, field):
        if field.many_to_many and field.remote_field.through._meta.auto_created:
            self.create_model(field.remote_field.through)
            return
        if isinstance(field, CompositePrimaryKey):
            self.add_composite_key(model, field)
        if field.column is None or field.db_type(self.connection) is None:
            return
        table = model._meta.db_table
        value = self.backfill_value(field)
        if value is not None:
            self.do(
                f'db["{table}"].updateMany({{}}, {{$set: {{"{field.column}": ...}}}})',
                self.database[table].update_many,
                {field.column: {"$exists": False}},
                {"$set": {field.column: value}},
            )
        elif field.generated:
            self.fill_generated(model, field)
        self.create_field_index(model, field)
        self.remember_field(model, field)

    def remember_field(self, model, field) -> None:
        if self.collect_sql:
            return
        table = model._meta.db_table
        columns = [
            each
            for each in metadata.columns_of(self.connection, table)
            if each["name"] != field.column
        ]
        columns.append(describe(field, self.connection))
        metadata.remember_columns(self.connection, table, columns)

    def backfill_value(self, field) -> Any:
        """The stored form of a new column's default, None for NULL."""
        value = super().backfill_value(field)
        if value is None:
            return None
        return to_bson(field.db_type(self.connection), value)

    def fill_generated(self, model, field) -> None:
        from ..dml.generated import fill

        if not self.collect_sql:
            fill(self.connection, model, field)

    def remove_field(self, model, field):
        if field.many_to_many and field.remote_field.through._meta.auto_created:
            self.delete_model(field.remote_field.through)
            return
        if isinstance(field, CompositePrimaryKey):
            self.remove_composite_key(model)
        if field.column is None or field.db_type(self.connection) is None:
            return
        table = model._meta.db_table
        for name, index in self.indexes(table).items():
            if any(is_within(field.column, key) for key in index["key"]):
                self.drop_index(table, name)
        self.do(
            f'db["{table}"].updateMany({{}}, {{$unset: {{"{field.column}": ""}}}})',
            self.database[table].update_many,
            {},
            {"$unset": {field.column: ""}},
        )
        if not self.collect_sql:
            columns = metadata.columns_of(self.connection, table)
            metadata.remember_columns(
                self.connection,
                table,
                [each for each in columns if each["name"] != field.column],
            )

    def add_composite_key(self, model, field) -> None:
        columns = [each.column for each in field.model._meta.pk_fields]
        single = None if len(model._meta.pk_fields) > 1 else model._meta.pk.column

        def change(document):
            if single:
                document[single] = document["_id"]
            return {**document, "_id": {name: document[name] for name in columns}}

        table = model._meta.db_table
        self.do(f'db["{table}"]: _id of {columns}', self.rewrite, table, change)

    def remove_composite_key(self, model) -> None:
        """The column `id` is the key then, as Django's default is."""
        table = model._meta.db_table
        columns = [field.column for field in model._meta.local_concrete_fields]
        if "id" not in columns:
            raise NotSupportedError(
                f"{table} has no column id to be its key without the composite one: "
                "add it first."
            )
        self.do(f'db["{table}"]: _id of id', self.replace_keys, table, "id")

    def _alter_field(
        self,
        model,
        old_field,
        new_field,
        old_type,
        new_type,
        old_db_params,
        new_db_params,
        strict=False,
    ):
        table = model._meta.db_table
        collection = self.database[table]
        old_key = self.key(model, old_field.column)
        new_key = new_field.column if old_key != "_id" else old_key
        if old_field.primary_key != new_field.primary_key and not is_composite(model):
            new_key = "_id" if new_field.primary_key else new_field.column
        if self.has_own_index(old_field) and (
            not self.has_own_index(new_field)
            or old_key != new_key
            or old_field.unique != new_field.unique
            or old_field.null != new_field.null
        ):
            self.drop_field_indexes(table, old_key)
        if old_key != new_key:
            self.rename_key(table, old_key, new_key)
        of_documents = conversion(self.connection, old_field, new_field)
        if of_documents is not None:
            self.convert_documents(table, new_key, of_documents)
        elif old_type != new_type:
            self.convert(table, new_key, old_field, new_field)
        if old_field.null and not new_field.null:
            value = self.backfill_value(new_field)
            null = {"$not": HELD} if new_type == "document" else None
            if value is not None:
                self.do(
                    f'db["{table}"].updateMany({{"{new_key}": null}}, {{$set: ...}})',
                    collection.update_many,
                    {new_key: null},
                    {"$set": {new_key: value}},
                )
            elif not self.collect_sql and collection.find_one({new_key: null}):
                raise IntegrityError(
                    f"NOT NULL constraint failed: {table}.{new_field.column}"
                )
        self.create_field_index(model, new_field)
        if not self.collect_sql:
            self.remember_changed(table, old_field.column, new_field)
        self.alter_referencing(old_field, new_field, old_type, new_type)

    def remember_changed(self, table: str, column: str, field) -> None:
        """Describe a column anew, in the place where it stands."""
        columns = [
            describe(field, self.connection) if each["name"] == column else each
            for each in metadata.columns_of(self.connection, table)
        ]
        metadata.remember_columns(self.connection, table, columns)

    def change_type(self, model, column, old_field, new_field):
        table = model._meta.db_table
        self.convert(table, self.key(model, column), old_field, new_field)
        (field,) = (
            each for each in model._meta.local_concrete_fields if each.column == column
        )
        self.remember_changed(table, column, field)

    def rename_key(self, table: str, old_key: str, new_key: str) -> None:
        """Rename a key, with the indexes that hold it; `_id` is copied instead."""
        collection = self.database[table]
        waiting = []
        for name, index in self.indexes(table).items():
            if any(is_within(old_key, key) for key in index["key"]):
                options = {
                    option: value
                    for option, value in index.items()
                    if option not in ("v", "key", "ns", "name")
                }
                partial = options.get("partialFilterExpression")
                if partial:
                    options["partialFilterExpression"] = {
                        renamed(key, old_key, new_key): value
                        for key, value in partial.items()
                    }
                self.drop_index(table, name)
                if new_key != "_id":
                    keys = [
                        (renamed(key, old_key, new_key), way)
                        for key, way in index["key"].items()
                    ]
                    waiting.append((keys, name, options))
        if old_key == "_id":
            self.do(
                f'db["{table}"].updateMany({{}}, [{{$set: {{"{new_key}": "$_id"}}}}])',
                collection.update_many,
                {},
                [{"$set": {new_key: "$_id"}}],
            )
        elif new_key == "_id":
            self.do(
                f'db["{table}"]: replace _id by "{old_key}"',
                self.replace_keys,
                table,
                old_key,
            )
        else:
            self.do(
                f'db["{table}"].updateMany({{}}, {{$rename: '
                f'{{"{old_key}": "{new_key}"}}}})',
                collection.update_many,
                {},
                {"$rename": {old_key: new_key}},
            )
        for keys, name, options in waiting:
            self.create_index(table, keys, name, **options)

    def replace_keys(self, table: str, key: str) -> None:
        self.rewrite(
            table, lambda document: {**document, "_id": document[key]}, without=key
        )

    def rewrite(
        self,
        table: str,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        without: str = "",
    ) -> None:
        """Put `change(document)` in the place of every document, all at one moment.

        An `_id` never changes in place, so a new collection takes the table's name.
        """
        old, new = self.database[table], self.database[f"{table}__rewritten"]
        new.drop()
        self.database.create_collection(new.name)
        for batch in batches(old.find(), REWRITTEN_AT_ONCE):
            changed = [change(document) for document in batch]
            for document in changed:
                document.pop(without, None)
            new.insert_many(changed)
        for name, index in self.indexes(table).items():
            options = {
                option: value
                for option, value in index.items()
                if option not in ("v", "key", "ns", "name")
            }
            new.create_index(list(index["key"].items()), name=name, **options)
        new.rename(table, dropTarget=True)

    def convert_documents(self, table: str, key: str, change) -> None:
        """Rewrite a column's documents in their new structure."""
        if self.collect_sql:
            self.collected_sql.append(f'db["{table}"]: convert "{key}"')
            return
        collection = self.database[table]
        documents = collection.find({key: HELD}, {key: 1})
        for batch in batches(documents, REWRITTEN_AT_ONCE):
            collection.bulk_write(
                [
                    UpdateOne(
                        {"_id": {"$eq": each["_id"]}},
                        {"$set": {key: change(each[key])}},
                    )
                    for each in batch
                ]
            )

    def convert(self, table: str, key: str, old_field, new_field) -> None:
        """Rewrite the column's values in the new type, or refuse and change none."""
        if self.collect_sql:
            self.collected_sql.append(f'db["{table}"]: convert "{key}"')
            return
        old_type = old_field.db_type(self.connection)
        new_type = new_field.db_type(self.connection)
        change = converter(
            self.connection,
            f"{table}.{key}",
            old_type,
            new_type,
            new_field,
            partial(from_bson, old_type),
            partial(to_bson, new_type),
        )
        if change is None:
            return
        collection = self.database[table]

        def converted(document):
            return {**document, key: change(document[key])}

        wanted = {key: {"$exists": True, "$ne": None}}
        for document in collection.find(wanted, {key: 1}):
            converted(document)  # refused before anything is changed
        if key == "_id":
            self.rewrite(table, converted)
            return
        documents = map(converted, collection.find(wanted, {key: 1}))
        for batch in batches(documents, REWRITTEN_AT_ONCE):
            collection.bulk_write(
                [
                    UpdateOne({"_id": {"$eq": each["_id"]}}, {"$set": {key: each[key]}})
                    for each in batch
                ]
            )

    # --- indexes ---

    def indexes(self, table: str) -> dict[str, dict[str, Any]]:
        """{name: specification}, but for that of `_id`."""
        return {
            index["name"]: dict(index)
            for index in self.database[table].list_indexes()
            if index["name"] != "_id_"
        }

    def create_field_index(self, model, field) -> None:
        if (
            not self.has_own_index(field)
            or isinstance(field, CompositePrimaryKey)
            or field.db_type(self.connection) is None
        ):
            return
        table = model._meta.db_table
        suffix = "_uniq" if field.unique else ""
        name = self._create_index_name(table, [field.column], suffix)
        options: dict[str, Any] = {}
        if field.unique:
            options["unique"] = True
            if field.null:
                options["partialFilterExpression"] = {field.column: {"$exists": True}}
        self.create_index(table, [(field.column, 1)], name, **options)

    def create_index(self, table: str, keys, name: str, **options) -> None:
        text = f'db["{table}"].createIndex({dict(keys)}, {{name: "{name}"}})'
        for known in {} if self.collect_sql else self.indexes(table).values():
            if list(known["key"].items()) == list(keys) and (
                known.get("partialFilterExpression")
                == options.get("partialFilterExpression")
            ):
                if bool(known.get("unique")) == bool(options.get("unique")):
                    return  # MongoDB has one index for the same keys
        self.do(
            text, self.database[table].create_index, list(keys), name=name, **options
        )

    def drop_index(self, table: str, name: str) -> None:
        self.do(
            f'db["{table}"].dropIndex("{name}")', self.database[table].drop_index, name
        )

    def drop_field_indexes(self, table: str, key: str) -> None:
        for name, index in self.indexes(table).items():
            if list(index["key"]) == [key] and name.startswith(
                self._create_index_name(table, [key])[:20]
            ):
                self.drop_index(table, name)

    def create_unique_together(self, model, names) -> None:
        fields = [model._meta.get_field(name) for name in names]
        self.create_unique(model, fields, self.unique_name(model, fields))

    def create_unique(self, model, fields, name: str, condition=None) -> None:
        partial = dict(condition or {})
        for field in fields:
            if field.null:
                partial[field.column] = {"$exists": True}
        options = {"partialFilterExpression": partial} if partial else {}
        keys = [(self.key(model, field.column), 1) for field in fields]
        self.create_index(model._meta.db_table, keys, name, unique=True, **options)

    def alter_unique_together(self, model, old_unique_together, new_unique_together):
        old = {tuple(names) for names in old_unique_together}
        new = {tuple(names) for names in new_unique_together}
        for names in old - new:
            fields = [model._meta.get_field(name) for name in names]
            keys = [self.key(model, field.column) for field in fields]
            self.drop_unique(model, keys)
        for names in new - old:
            self.create_unique_together(model, names)

    def drop_unique(self, model, keys: list[str]) -> None:
        table = model._meta.db_table
        named = {each.name for each in model._meta.constraints}
        found = [
            name
            for name, index in self.indexes(table).items()
            if list(index["key"]) == keys and index.get("unique") and name not in named
        ]
        if len(found) != 1:
            raise ValueError(
                f"Found wrong number ({len(found)}) of constraints for "
                f"{table}({', '.join(keys)})"
            )
        self.drop_index(table, found[0])

    def alter_index_together(self, model, old_index_together, new_index_together):
        old = {tuple(names) for names in old_index_together}
        new = {tuple(names) for names in new_index_together}
        table = model._meta.db_table
        for names in old - new:
            keys = [
                self.key(model, model._meta.get_field(name).column) for name in names
            ]
            for name, index in self.indexes(table).items():
                if list(index["key"]) == keys and not index.get("unique"):
                    self.drop_index(table, name)
        for names in new - old:
            fields = [model._meta.get_field(name) for name in names]
            columns = [field.column for field in fields]
            self.create_index(
                table,
                [(self.key(model, column), 1) for column in columns],
                self._create_index_name(table, columns, "_idx"),
            )

    def add_index(self, model, index):
        keys = self.path_keys(model, index)
        if keys and index.condition is None:
            self.create_index(model._meta.db_table, keys, index.name)
            return None
        if (
            index.contains_expressions
            and not self.connection.features.supports_expression_indexes
        ):
            return None
        options = {}
        if index.condition is not None:
            partial = self.partial_filter(model, index.condition)
            if partial is None:
                return None
            options["partialFilterExpression"] = partial
        keys = [
            (self.key(model, model._meta.get_field(name).column), -1 if order else 1)
            for name, order in index.fields_orders
        ]
        self.create_index(model._meta.db_table, keys, index.name, **options)

    def path_keys(self, model, index) -> list[tuple[str, int]]:
        """The keys of an index on paths, none of one on other expressions."""
        paths = [
            indexed_path(self.connection, model, each) for each in index.expressions
        ]
        found = [path for path in paths if path is not None]
        of_columns = not any(column.path for column, _ in found)
        if len(found) < len(paths) or (of_columns and index.contains_expressions):
            return []
        return [
            (path_key(self.key(model, column.name), column), -1 if descending else 1)
            for column, descending in found
        ]

    def remove_index(self, model, index):
        if index.name in self.indexes(model._meta.db_table):
            self.drop_index(model._meta.db_table, index.name)

    def add_constraint(self, model, constraint):
        if isinstance(constraint, CheckConstraint):
            self.add_check(model, constraint)
            return
        if not isinstance(constraint, UniqueConstraint):
            return
        keys = self.path_keys(model, constraint)
        if (constraint.contains_expressions and not keys) or constraint.deferrable:
            return
        check_unique(self.connection, model, constraint)
        condition = None
        if constraint.condition is not None:
            condition = self.partial_filter(model, constraint.condition)
            if condition is None:
                raise NotSupportedError(
                    f"MongoDB cannot enforce {constraint.name}: its condition has "
                    "more than comparisons of columns with constants."
                )
        if keys:
            partial = {key: NOT_NULL for key, _ in keys if key != "_id"}
            self.create_index(
                model._meta.db_table,
                keys,
                constraint.name,
                unique=True,
                partialFilterExpression={**(condition or {}), **partial},
            )
            return
        fields = [model._meta.get_field(name) for name in constraint.fields]
        self.create_unique(model, fields, constraint.name, condition)

    def add_check(self, model, constraint) -> None:
        """Checked by the toolkit at every write; here for the rows there are."""
        if self.collect_sql:
            return
        names = {
            str(name).split("__")[0]
            for name in constraint.condition.referenced_base_fields
        }
        columns = [
            field.column
            for field in model._meta.local_concrete_fields
            if field.name in names or (field.primary_key and "pk" in names)
        ]
        rows = model._base_manager.using(self.connection.alias)
        if self.has_rows(model) and rows.exclude(constraint.condition).exists():
            raise IntegrityError(f"CHECK constraint failed: {constraint.name}")
        metadata.remember_check(
            self.connection, model._meta.db_table, constraint.name, columns
        )

    def has_rows(self, model) -> bool:
        return self.database[model._meta.db_table].find_one({}, {"_id": 1}) is not None

    def remove_constraint(self, model, constraint):
        if isinstance(constraint, CheckConstraint) and not self.collect_sql:
            metadata.forget_check(
                self.connection, model._meta.db_table, constraint.name
            )
        if isinstance(constraint, UniqueConstraint):
            if constraint.name in self.indexes(model._meta.db_table):
                self.drop_index(model._meta.db_table, constraint.name)

    def partial_filter(self, model, condition) -> dict[str, Any] | None:
        """The partialFilterExpression for a Q, None where there is none."""
        query = Query(model)
        where = query.build_where(condition)
        alias = query.get_initial_alias()
        try:
            found = Translator(self.connection, alias).condition(where)
        except Refused:
            return None
        leaves = found.children if isinstance(found, Node) else (found,)
        if isinstance(found, Node) and found.connector != "AND":
            return None
        partial: dict[str, Any] = {}
        for leaf in leaves:
            part = partial_leaf(leaf)
            if part is None:
                return None
            key = self.key(model, leaf.column.name)  # type: ignore[union-attr]
            partial.setdefault(key, {}).update(part)
        return partial


# What a path may lead to that is unique: a document may hold nulls.
NOT_NULL = {"$type": ["number", "string", "date", "bool", "binData", "objectId"]}


def path_key(key: str, column: Column) -> str:
    """A path as an index has it, which holds every item of the arrays on the way."""
    return dotted(key, tuple(step for step in column.path if step is not Step.EACH))


def is_within(column: str, key: str) -> bool:
    """Whether an index's key is a column or a path in it."""
    return key == column or key.startswith(f"{column}.")


def renamed(key: str, old: str, new: str) -> str:
    return new + key.removeprefix(old) if is_within(old, key) else key


def is_composite(model) -> bool:
    return len(model._meta.pk_fields) > 1


def partial_leaf(leaf: Any) -> dict[str, Any] | None:
    if not isinstance(leaf, Leaf) or isinstance(leaf.value, Column):
        return None
    if leaf.column.path:
        return None
    if leaf.lookup_type == "isnull":
        return {"$exists": True} if leaf.value == leaf.negated else {"$eq": None}
    operator = OPERATORS_MAP.get(leaf.lookup_type)
    if operator is None or leaf.negated:
        return None
    convert = to_bson
    if leaf.lookup_type == "in":
        return {operator: [convert(leaf.column.db_type, each) for each in leaf.value]}
    return {operator: convert(leaf.column.db_type, leaf.value)}
