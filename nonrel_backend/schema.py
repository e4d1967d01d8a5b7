"""Schema changes on stores without a schema language."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import ProgrammingError
from django.db.backends.sqlite3.schema import (
    DatabaseSchemaEditor as SQLiteSchemaEditor,
)

from .catalog.columns import describe
from .documents.altering import conversion
from .indexing import IndexEditing

logger = logging.getLogger("django.db.backends.schema")
# Django's own text for a table, as its tests and some projects execute it.
DROP_TABLE = re.compile(r'DROP TABLE "?(?P<table>[^" ;]+)"?(?: CASCADE)?;?')


@dataclass
class Command:
    """One change of the schema; its text is for people, and for sqlmigrate."""

    text: str
    work: Callable[[], Any]

    def __str__(self) -> str:
        return self.text


class NonrelSchemaEditor(IndexEditing):
    """Runs Django's own schema editing without any SQL; backends do the work.

    A backend implements the methods under "for backends", each of which changes the
    store at once; `do` logs them, or only notes their texts for sqlmigrate.
    """

    # --- for backends ---

    def table_exists(self, table: str) -> bool:
        raise NotImplementedError

    def make_table(self, model) -> None:
        """A table with the model's columns, and no index but the key's."""
        raise NotImplementedError

    def drop_table(self, table: str) -> None:
        raise NotImplementedError

    def rename_table(self, old: str, new: str) -> None:
        raise NotImplementedError

    def make_column(self, model, field, value: Any) -> None:
        """A new column, with this value from get_db_prep_save() in every row."""
        raise NotImplementedError

    def drop_column(self, model, field) -> None:
        """Remove a column with the indexes and checks that hold it."""
        raise NotImplementedError

    def change_column(self, model, old_field, new_field, value: Any) -> None:
        """Rename and convert a column; `value` takes the place of NULL."""
        raise NotImplementedError

    def make_index(self, model, name, parts, unique=False, condition=None) -> None:
        """An index of [(column, descending, transform or None)]."""
        raise NotImplementedError

    def drop_index(self, table: str, name: str) -> None:
        raise NotImplementedError

    def known_indexes(self, table: str) -> dict[str, tuple[list[str], bool]]:
        """{name: (columns, whether unique)}, but for the primary key's."""
        raise NotImplementedError

    def keep_check(self, table: str, check: dict[str, Any]) -> None:
        """Remember a check constraint (see `kept_checks` of the connection), which the
        toolkit applies at every write.
        """
        raise NotImplementedError

    def drop_check(self, table: str, name: str) -> None:
        raise NotImplementedError

    # Whether commands are entries of the query log: not within one of them.
    logs = True
    sql_delete_table = "DROP TABLE %(table)s"
    quote_value = SQLiteSchemaEditor.quote_value
    prepare_default = quote_value

    # --- carrying out, or collecting for sqlmigrate ---

    def do(self, text: str, work, *arguments, **options) -> Any:
        return self.execute(Command(text, partial(work, *arguments, **options)), None)

    def execute(self, sql, params=()):
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

    def execute_text(self, sql: str, params=None) -> None:
        """Run SQL: what the cursor can, and DROP TABLE of any table."""
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

    def create_model(self, model):
        meta = model._meta
        table = meta.db_table
        if not self.collect_sql and self.table_exists(table):
            raise ProgrammingError(f'table "{table}" already exists')
        columns = ", ".join(
            f'"{field.column}" {field.db_type(self.connection)}'
            for field in meta.local_concrete_fields
            if field.db_type(self.connection)
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
        for field in meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.create_model(field.remote_field.through)

    def delete_model(self, model):
        for field in model._meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.delete_model(field.remote_field.through)
        table = model._meta.db_table
        text = self.sql_delete_table % {"table": f'"{table}"'}
        self.do(text, self.drop_table, table)

    def alter_db_table(self, model, old_db_table, new_db_table):
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

    def alter_db_table_comment(self, model, old_db_table_comment, new_db_table_comment):
        pass

    def alter_db_tablespace(self, model, old_db_tablespace, new_db_tablespace):
        pass

    # --- fields ---

    def add_field(self, model, field):
        if field.many_to_many and field.remote_field.through._meta.auto_created:
            self.create_model(field.remote_field.through)
            return
        if field.column is None or field.db_type(self.connection) is None:
            return
        table = model._meta.db_table
        self.do(
            f'ALTER TABLE "{table}" ADD COLUMN "{field.column}" '
            f"{field.db_type(self.connection)}",
            self.make_column,
            model,
            field,
            self.backfill_value(field),
        )
        if field.generated and not self.collect_sql:
            from .dml.generated import fill

            fill(self.connection, model, field)
        self.create_field_index(model, field)

    def backfill_value(self, field) -> Any:
        """What a new column holds in the rows there are, from get_db_prep_save()."""
        if field.generated:
            return None
        if not field.has_db_default():
            default = self._effective_default(field)
            return field.get_db_prep_save(default, self.connection)
        from django.db.models.sql import InsertQuery

        compiler = self.connection.ops.compiler("SQLInsertCompiler")
        insert = compiler(InsertQuery(field.model), self.connection, None)
        (value,) = insert.computed([field._db_default_expression])
        return field.get_db_prep_save(value, self.connection)

    def described(self, field) -> dict[str, Any]:
        """What the store keeps of a column."""
        return describe(field, self.connection)

    def effective_default(self, field):
        return field.get_db_prep_save(self._effective_default(field), self.connection)

    def remove_field(self, model, field):
        if field.many_to_many and field.remote_field.through._meta.auto_created:
            self.delete_model(field.remote_field.through)
            return
        if field.column is None or field.db_type(self.connection) is None:
            return
        table = model._meta.db_table
        self.do(
            f'ALTER TABLE "{table}" DROP COLUMN "{field.column}"',
            self.drop_column,
            model,
            field,
        )

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
            self.do(
                f'ALTER TABLE "{table}" ALTER COLUMN "{old_field.column}" '
                f'"{new_field.column}" {new_type}',
                self.change_column,
                model,
                old_field,
                new_field,
                value,
            )
        self.create_field_index(model, new_field)
        self.alter_referencing(old_field, new_field, old_type, new_type)

    def alter_referencing(self, old_field, new_field, old_type, new_type) -> None:
        """Convert foreign keys along with the key they refer to."""
        if old_type == new_type or not (old_field.primary_key or old_field.unique):
            return
        self.convert_references(old_field, new_field, new_field, new_type)

    def convert_references(self, old_field, new_field, target, new_type) -> None:
        for relation in target.model._meta.related_objects:
            if relation.many_to_many or relation.field.target_field is not target:
                continue
            other = relation.related_model
            if other._meta.proxy or not other._meta.managed:
                continue
            self.do(
                f'ALTER TABLE "{other._meta.db_table}" ALTER COLUMN '
                f'"{relation.field.column}" {new_type}',
                self.change_type,
                other,
                relation.field.column,
                old_field,
                new_field,
            )
            if relation.field.unique:  # to which others may refer in their turn
                self.convert_references(old_field, new_field, relation.field, new_type)

    def change_type(self, model, column: str, old_field, new_field) -> None:
        """Convert a column that refers to `old_field` to the type of `new_field`."""
        raise NotImplementedError
