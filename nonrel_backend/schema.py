"""NonrelSchemaEditor: Django's schema changes, for stores without a schema language."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, ProgrammingError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.sqlite3.schema import (
    DatabaseSchemaEditor as SQLiteSchemaEditor,
)
from django.db.models import CheckConstraint, UniqueConstraint
from django.db.models.sql import InsertQuery

from .catalog.columns import describe
from .dml.constraints import check_sql
from .dml.generated import fill
from .documents.altering import conversion

logger = logging.getLogger("django.db.backends.schema")
# Django's own text for a table, as its tests and some projects execute it.
DROP_TABLE = re.compile(r'DROP TABLE "?(?P<table>[^" ;]+)"?(?: CASCADE)?;?')
# A part of an index: (column, descending, None), or a backend's own form of an
# expression in place of None.
Part = tuple[str | None, bool, Any]


@dataclass
class Command:
    """One change of the schema; its text is for the log and for sqlmigrate."""

    text: str
    work: Callable[[], Any]

    def __str__(self) -> str:
        return self.text


def unsupported(constraint: UniqueConstraint) -> bool:
    """Return whether a constraint has options that no store supports."""
    return bool(
        constraint.deferrable
        or constraint.include
        or constraint.nulls_distinct is not None
    )


class NonrelSchemaEditor(BaseDatabaseSchemaEditor):
    """Runs Django's schema changes without SQL.

    A backend implements the methods under "for backends", each of which changes the
    store at once. `do` logs and runs them, or collects their texts for sqlmigrate.
    """

    # Whether commands are entries of the query log; not if they are part of one.
    logs = True
    sql_delete_table = "DROP TABLE %(table)s"
    quote_value = SQLiteSchemaEditor.quote_value
    prepare_default = quote_value

    # --- for backends ---

    def table_exists(self, table: str) -> bool:
        raise NotImplementedError

    def make_table(self, model: Any) -> None:
        """Create a table with the model's columns, without indexes but the key's."""
        raise NotImplementedError

    def drop_table(self, table: str) -> None:
        raise NotImplementedError

    def rename_table(self, old: str, new: str) -> None:
        raise NotImplementedError

    def make_column(self, model: Any, field: Any, value: Any) -> None:
        """Add a column, with a value from get_db_prep_save() in every row."""
        raise NotImplementedError

    def drop_column(self, model: Any, field: Any) -> None:
        """Remove a column, and the indexes and checks that use it."""
        raise NotImplementedError

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        """Rename and convert a column; `value` replaces NULL."""
        raise NotImplementedError

    def change_type(
        self, model: Any, column: str, old_field: Any, new_field: Any
    ) -> None:
        """Convert a column that refers to `old_field` to the type of `new_field`."""
        raise NotImplementedError

    def make_index(
        self,
        model: Any,
        name: str,
        parts: list[Part],
        unique: bool = False,
        condition: Any = None,
    ) -> None:
        """Create an index; `condition` is the Q of a partial one."""
        raise NotImplementedError

    def drop_index(self, table: str, name: str) -> None:
        raise NotImplementedError

    def known_indexes(self, table: str) -> dict[str, tuple[list[str | None], bool]]:
        """Return {name: (columns, unique)} of all indexes but the primary key's."""
        raise NotImplementedError

    def store_check(self, table: str, check: dict[str, Any]) -> None:
        """Store a check constraint, {"name", "columns", "sql"}.

        The connection's `stored_checks` returns them; the toolkit validates every row
        that is written.
        """
        raise NotImplementedError

    def drop_check(self, table: str, name: str) -> None:
        raise NotImplementedError

    # --- running commands, or collecting them for sqlmigrate ---

    def do(
        self, text: str, work: Callable[..., Any], *arguments: Any, **options: Any
    ) -> Any:
        return self.execute(Command(text, partial(work, *arguments, **options)), None)

    def execute(self, sql: Any, params: Any = ()) -> Any:
        if not isinstance(sql, Command):
            self.execute_text(str(sql), params)
            return None
        if self.collect_sql:
            self.collected_sql.append(str(sql))
            return None
        logger.debug("%s", sql, extra={"params": params, "sql": str(sql)})
        if not self.logs:
            return sql.work()
        return self.connection.run_statement(sql.work, sql.__str__)

    def execute_text(self, sql: str, params: Any = None) -> None:
        """Run SQL that the cursor supports, or DROP TABLE of any table."""
        dropped = DROP_TABLE.fullmatch(sql)
        if dropped and not self.collect_sql:
            self.do(sql, self.drop_table, dropped["table"])
            return
        extra = {"params": params, "sql": sql}
        logger.debug("%s; (params %r)", sql, params, extra=extra)
        if self.collect_sql:
            ending = "" if not sql or sql.rstrip().endswith(";") else ";"
            values = tuple(map(self.quote_value, params or ()))
            self.collected_sql.append((sql % values if values else sql) + ending)
            return
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)

    # --- tables ---

    def create_model(self, model: Any) -> None:
        meta = model._meta
        table = meta.db_table
        if not self.collect_sql and self.table_exists(table):
            raise ProgrammingError(f'table "{table}" already exists')
        columns = ", ".join(
            f'"{field.column}" {field.db_type(self.connection)}'
            for field in meta.local_concrete_fields
            if self.has_column(field)
        )
        names = {"table": f'"{table}"', "definition": columns}
        self.do(self.sql_create_table % names, self.make_table, model)
        for field in meta.local_concrete_fields:
            self.create_field_index(model, field)
        for names in meta.unique_together:
            self.create_unique_together(model, names)
        for index in meta.indexes:
            self.add_index(model, index)
        for constraint in meta.constraints:
            self.add_constraint(model, constraint)
        for through in auto_created_tables(meta.local_many_to_many):
            self.create_model(through)

    def delete_model(self, model: Any) -> None:
        for through in auto_created_tables(model._meta.local_many_to_many):
            self.delete_model(through)
        table = model._meta.db_table
        text = self.sql_delete_table % {"table": f'"{table}"'}
        self.do(text, self.drop_table, table)

    def alter_db_table(self, model: Any, old_db_table: str, new_db_table: str) -> None:
        if old_db_table == new_db_table:
            return
        if (
            self.connection.features.ignores_table_name_case
            and old_db_table.lower() == new_db_table.lower()
        ):
            return
        names = {"old_table": f'"{old_db_table}"', "new_table": f'"{new_db_table}"'}
        text = self.sql_rename_table % names
        self.do(text, self.rename_table, old_db_table, new_db_table)

    def alter_db_table_comment(self, *arguments: Any) -> None:
        pass

    def alter_db_tablespace(self, *arguments: Any) -> None:
        pass

    # --- columns ---

    def has_column(self, field: Any) -> bool:
        return field.column is not None and field.db_type(self.connection) is not None

    def add_field(self, model: Any, field: Any) -> None:
        for through in auto_created_tables([field]):
            self.create_model(through)
        if not self.has_column(field):
            return
        column = f'"{field.column}" {field.db_type(self.connection)}'
        text = f'ALTER TABLE "{model._meta.db_table}" ADD COLUMN {column}'
        self.do(text, self.make_column, model, field, self.backfill_value(field))
        if field.generated and not self.collect_sql:
            fill(self.connection, model, field)
        self.create_field_index(model, field)

    def backfill_value(self, field: Any) -> Any:
        """Return a new column's value in existing rows, from get_db_prep_save()."""
        if field.generated:
            return None
        if not field.has_db_default():
            return self.effective_default(field)
        compiler = self.connection.ops.compiler("SQLInsertCompiler")
        insert = compiler(InsertQuery(field.model), self.connection, None)
        (value,) = insert.computed([field._db_default_expression])
        return field.get_db_prep_save(value, self.connection)

    def described(self, field: Any) -> dict[str, Any]:
        """Return what the store records of a column."""
        return describe(field, self.connection)

    def effective_default(self, field: Any) -> Any:
        return field.get_db_prep_save(self._effective_default(field), self.connection)

    def remove_field(self, model: Any, field: Any) -> None:
        for through in auto_created_tables([field]):
            self.delete_model(through)
        if self.has_column(field):
            text = f'ALTER TABLE "{model._meta.db_table}" DROP COLUMN "{field.column}"'
            self.do(text, self.drop_column, model, field)

    def _alter_field(
        self,
        model: Any,
        old_field: Any,
        new_field: Any,
        old_type: str,
        new_type: str,
        *parameters: Any,
        **options: Any,
    ) -> None:
        if self.has_own_index(old_field) and (
            not self.has_own_index(new_field)
            or old_field.column != new_field.column
            or old_field.unique != new_field.unique
        ):
            self.drop_field_indexes(model, old_field)
        value = None
        if old_field.null and not new_field.null:
            value = self.backfill_value(new_field)
        if self.described(old_field) != self.described(new_field) or conversion(
            self.connection, old_field, new_field
        ):
            column = f'"{old_field.column}" "{new_field.column}" {new_type}'
            text = f'ALTER TABLE "{model._meta.db_table}" ALTER COLUMN {column}'
            self.do(text, self.change_column, model, old_field, new_field, value)
        self.create_field_index(model, new_field)
        self.alter_referencing(old_field, new_field, old_type, new_type)

    def alter_referencing(
        self, old_field: Any, new_field: Any, old_type: str, new_type: str
    ) -> None:
        """Convert the foreign keys that refer to an altered key."""
        if old_type != new_type and (old_field.primary_key or old_field.unique):
            self.convert_references(old_field, new_field, new_field, new_type)

    def convert_references(
        self, old_field: Any, new_field: Any, target: Any, new_type: str
    ) -> None:
        """Convert the foreign keys to `target`, and those that refer to these."""
        # Hidden relations as well: those of the tables of many-to-many fields are.
        for relation in target.model._meta.get_fields(include_hidden=True):
            if not (relation.one_to_many or relation.one_to_one) or relation.concrete:
                continue
            if relation.field.target_field is not target:
                continue
            other, column = relation.related_model, relation.field.column
            if other._meta.proxy or not other._meta.managed:
                continue
            table = other._meta.db_table
            text = f'ALTER TABLE "{table}" ALTER COLUMN "{column}" {new_type}'
            self.do(text, self.change_type, other, column, old_field, new_field)
            if relation.field.unique:
                self.convert_references(old_field, new_field, relation.field, new_type)

    # --- indexes ---

    def has_own_index(self, field: Any) -> bool:
        return bool((field.unique or field.db_index) and not field.primary_key)

    def create_field_index(self, model: Any, field: Any) -> None:
        if not self.has_own_index(field) or not self.has_column(field):
            return
        table = model._meta.db_table
        name = self.field_index_name(table, field)
        if self.collect_sql or name not in self.known_indexes(table):
            self.index_fields(model, name, [field], unique=field.unique)

    def field_index_name(self, table: str, field: Any) -> str:
        suffix = "_key" if field.unique else ""
        return self._create_index_name(table, [field.column], suffix)

    def unnamed_indexes(
        self, model: Any, columns: list[str], unique: bool
    ) -> list[str]:
        """Return the indexes of these columns that no Index or constraint names."""
        meta = model._meta
        named = {each.name for each in (*meta.constraints, *meta.indexes)}
        return [
            name
            for name, known in self.known_indexes(meta.db_table).items()
            if known == (columns, unique) and name not in named
        ]

    def drop_field_indexes(self, model: Any, field: Any) -> None:
        """Drop the indexes of one column that no Index or constraint names."""
        table = model._meta.db_table
        if self.collect_sql:
            names = [self.field_index_name(table, field)]
        else:
            names = self.unnamed_indexes(model, [field.column], field.unique)
        for name in names:
            self.remove(table, name)

    def index_fields(
        self,
        model: Any,
        name: str,
        fields: Iterable[Any],
        unique: bool = False,
        condition: Any = None,
    ) -> None:
        parts: list[Part] = [(field.column, False, None) for field in fields]
        self.create(model, name, parts, unique, condition)

    def create(
        self,
        model: Any,
        name: str,
        parts: list[Part],
        unique: bool = False,
        condition: Any = None,
    ) -> None:
        kind = "UNIQUE INDEX" if unique else "INDEX"
        columns = ", ".join(
            f'"{column}" DESC' if descending else f'"{column}"'
            for column, descending, _ in parts
        )
        text = f'CREATE {kind} "{name}" ON "{model._meta.db_table}" ({columns})'
        self.do(text, self.make_index, model, name, parts, unique, condition)

    def remove(self, table: str, name: str) -> None:
        self.do(f'DROP INDEX "{name}"', self.drop_index, table, name)

    def remove_if_known(self, table: str, name: str) -> None:
        if self.collect_sql or name in self.known_indexes(table):
            self.remove(table, name)

    def create_unique_together(self, model: Any, names: Iterable[str]) -> None:
        self.create_together(model, names, unique=True)

    def create_together(self, model: Any, names: Iterable[str], unique: bool) -> None:
        fields = [model._meta.get_field(name) for name in names]
        name = self.together_name(model, fields, unique)
        self.index_fields(model, name, fields, unique)

    def together_name(self, model: Any, fields: list[Any], unique: bool) -> str:
        columns = [field.column for field in fields]
        suffix = "_uniq" if unique else "_idx"
        return self._create_index_name(model._meta.db_table, columns, suffix)

    def unique_name(self, model: Any, fields: list[Any]) -> str:
        return self.together_name(model, fields, unique=True)

    def alter_unique_together(self, model: Any, old: Any, new: Any) -> None:
        self.alter_together(model, old, new, unique=True)

    def alter_index_together(self, model: Any, old: Any, new: Any) -> None:
        self.alter_together(model, old, new, unique=False)

    def alter_together(self, model: Any, old: Any, new: Any, unique: bool) -> None:
        before, after = set(map(tuple, old)), set(map(tuple, new))
        for names in before - after:
            self.drop_together(model, names, unique)
        for names in after - before:
            self.create_together(model, names, unique)

    def drop_together(self, model: Any, names: Iterable[str], unique: bool) -> None:
        """Drop the one index of these fields that no Index or constraint names."""
        table = model._meta.db_table
        fields = [model._meta.get_field(name) for name in names]
        columns = [field.column for field in fields]
        found = self.unnamed_indexes(model, columns, unique)
        if len(found) > 1:  # a field's own index may be unique, too
            own = self.together_name(model, fields, unique)
            found = [name for name in found if name == own] or found
        if len(found) != 1:
            raise ValueError(
                f"Found wrong number ({len(found)}) of constraints for "
                f"{table}({', '.join(columns)})"
            )
        self.remove(table, found[0])

    def index_parts(self, model: Any, index: Any) -> list[Part] | None:
        """Return the parts of an Index; None for expressions, unless a backend can."""
        if index.expressions:
            return None
        return [
            (model._meta.get_field(name).column, bool(order), None)
            for name, order in index.fields_orders
        ]

    def add_index(self, model: Any, index: Any) -> None:
        parts = self.index_parts(model, index)
        if parts is not None:
            self.create(model, index.name, parts, False, index.condition)

    def remove_index(self, model: Any, index: Any) -> None:
        self.remove_if_known(model._meta.db_table, index.name)

    def rename_index(self, model: Any, old_index: Any, new_index: Any) -> None:
        self.remove_index(model, old_index)
        self.add_index(model, new_index)

    # --- constraints ---

    def add_constraint(self, model: Any, constraint: Any) -> None:
        if isinstance(constraint, CheckConstraint):
            self.add_check(model, constraint)
        elif isinstance(constraint, UniqueConstraint):
            self.add_unique(model, constraint)

    def add_unique(self, model: Any, constraint: UniqueConstraint) -> None:
        if constraint.expressions or unsupported(constraint):
            return  # Django's system checks warn of it
        fields = [model._meta.get_field(name) for name in constraint.fields]
        self.index_fields(model, constraint.name, fields, True, constraint.condition)

    def add_check(self, model: Any, constraint: CheckConstraint) -> None:
        referenced = getattr(constraint.condition, "referenced_base_fields", ())
        names = {str(name).split("__")[0] for name in referenced}
        columns = [
            field.column
            for field in model._meta.local_concrete_fields
            if field.name in names or (field.primary_key and "pk" in names)
        ]
        table, name = model._meta.db_table, constraint.name
        text = f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" CHECK'
        self.do(text, self.make_check, model, constraint, columns)

    def make_check(
        self, model: Any, constraint: CheckConstraint, columns: list[str]
    ) -> None:
        rows = model._base_manager.using(self.connection.alias)
        if rows.exists() and rows.exclude(constraint.condition).exists():
            raise IntegrityError(f"CHECK constraint failed: {constraint.name}")
        sql = check_sql(self.connection, model, constraint.condition)
        written = self.connection.local_engine.written_in(*sql)
        check = {"name": constraint.name, "columns": columns, "sql": written}
        self.store_check(model._meta.db_table, check)

    def remove_constraint(self, model: Any, constraint: Any) -> None:
        table, name = model._meta.db_table, constraint.name
        if isinstance(constraint, CheckConstraint):
            text = f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"'
            self.do(text, self.drop_check, table, name)
        elif isinstance(constraint, UniqueConstraint):
            self.remove_if_known(table, name)


def auto_created_tables(fields: Iterable[Any]) -> list[Any]:
    """Return the through models that Django made for many-to-many fields."""
    return [
        field.remote_field.through
        for field in fields
        if field.many_to_many and field.remote_field.through._meta.auto_created
    ]
