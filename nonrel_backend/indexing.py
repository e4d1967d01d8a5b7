"""The part of schema changes that is indexes and constraints, without any SQL."""

from django.db import IntegrityError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import CheckConstraint, CompositePrimaryKey, UniqueConstraint

from .dml.constraints import check_sql


def unsupported(constraint: UniqueConstraint) -> bool:
    """Whether it asks for more than uniqueness."""
    return bool(
        constraint.deferrable
        or constraint.include
        or constraint.nulls_distinct is not None
    )


class IndexEditing(BaseDatabaseSchemaEditor):
    """Says which indexes and checks a store is to make and drop."""

    def has_own_index(self, field) -> bool:
        return bool((field.unique or field.db_index) and not field.primary_key)

    def create_field_index(self, model, field) -> None:
        if (
            not self.has_own_index(field)
            or isinstance(field, CompositePrimaryKey)
            or field.db_type(self.connection) is None
        ):
            return
        table = model._meta.db_table
        name = self.field_index_name(table, field)
        if self.collect_sql or name not in self.known_indexes(table):
            self.index_fields(model, name, [field], unique=field.unique)

    def field_index_name(self, table: str, field) -> str:
        suffix = "_key" if field.unique else ""
        return self._create_index_name(table, [field.column], suffix)

    def drop_field_indexes(self, model, field) -> None:
        """Drop the indexes of one column that neither a constraint nor index named."""
        meta = model._meta
        names = [self.field_index_name(meta.db_table, field)]
        if not self.collect_sql:
            named = {each.name for each in (*meta.constraints, *meta.indexes)}
            names = [
                name
                for name, facts in self.known_indexes(meta.db_table).items()
                if facts == ([field.column], field.unique) and name not in named
            ]
        for name in names:
            self.remove(meta.db_table, name)

    def index_fields(
        self, model, name: str, fields, unique=False, condition=None
    ) -> None:
        parts = [(field.column, False, None) for field in fields]
        self.create(model, name, parts, unique, condition)

    def create(self, model, name: str, parts, unique=False, condition=None) -> None:
        table = model._meta.db_table
        kind = "UNIQUE INDEX" if unique else "INDEX"
        columns = ", ".join(
            f'"{column}" DESC' if descending else f'"{column}"'
            for column, descending, _ in parts
        )
        self.do(
            f'CREATE {kind} "{name}" ON "{table}" ({columns})',
            self.make_index,
            model,
            name,
            parts,
            unique,
            condition,
        )

    def remove(self, table: str, name: str) -> None:
        self.do(f'DROP INDEX "{name}"', self.drop_index, table, name)

    def create_unique_together(self, model, names) -> None:
        fields = [model._meta.get_field(name) for name in names]
        self.index_fields(model, self.unique_name(model, fields), fields, unique=True)

    def unique_name(self, model, fields) -> str:
        columns = [field.column for field in fields]
        return self._create_index_name(model._meta.db_table, columns, "_uniq")

    def alter_unique_together(self, model, old_unique_together, new_unique_together):
        old = {tuple(names) for names in old_unique_together}
        new = {tuple(names) for names in new_unique_together}
        for names in old - new:
            self.drop_together(model, names, unique=True)
        for names in new - old:
            self.create_unique_together(model, names)

    def alter_index_together(self, model, old_index_together, new_index_together):
        old = {tuple(names) for names in old_index_together}
        new = {tuple(names) for names in new_index_together}
        for names in old - new:
            self.drop_together(model, names, unique=False)
        for names in new - old:
            fields = [model._meta.get_field(name) for name in names]
            columns = [field.column for field in fields]
            name = self._create_index_name(model._meta.db_table, columns, "_idx")
            self.index_fields(model, name, fields)

    def drop_together(self, model, names, unique: bool) -> None:
        """Drop the one index of these fields that no constraint or index named."""
        table = model._meta.db_table
        columns = [model._meta.get_field(name).column for name in names]
        meta = model._meta
        named = {each.name for each in (*meta.constraints, *meta.indexes)}
        found = [
            name
            for name, (known, is_unique) in self.known_indexes(table).items()
            if known == columns and is_unique == unique and name not in named
        ]
        if len(found) > 1:  # a field of its own may be unique, too
            suffix = "_uniq" if unique else "_idx"
            own = self._create_index_name(table, columns, suffix)
            found = [name for name in found if name == own] or found
        if len(found) != 1:
            raise ValueError(
                f"Found wrong number ({len(found)}) of constraints for "
                f"{table}({', '.join(columns)})"
            )
        self.remove(table, found[0])

    def index_parts(self, model, index) -> list[tuple[str, bool, str | None]] | None:
        """[(column, descending, None)] of an Index; None where it is on expressions,
        which a backend may know more of.
        """
        if index.expressions:
            return None
        return [
            (model._meta.get_field(name).column, bool(order), None)
            for name, order in index.fields_orders
        ]

    def add_index(self, model, index):
        parts = self.index_parts(model, index)
        if parts is not None:
            self.create(model, index.name, parts, False, index.condition)

    def remove_index(self, model, index):
        table = model._meta.db_table
        if self.collect_sql or index.name in self.known_indexes(table):
            self.remove(table, index.name)

    def rename_index(self, model, old_index, new_index):
        self.remove_index(model, old_index)
        self.add_index(model, new_index)

    def add_constraint(self, model, constraint):
        if isinstance(constraint, CheckConstraint):
            self.add_check(model, constraint)
        elif isinstance(constraint, UniqueConstraint):
            self.add_unique(model, constraint)

    def add_unique(self, model, constraint) -> None:
        if constraint.expressions or unsupported(constraint):
            return  # Django's checks warn of those that a backend does not support
        fields = [model._meta.get_field(name) for name in constraint.fields]
        self.index_fields(
            model, constraint.name, fields, unique=True, condition=constraint.condition
        )

    def add_check(self, model, constraint) -> None:
        referenced = getattr(constraint.condition, "referenced_base_fields", ())
        names = {str(name).split("__")[0] for name in referenced}
        columns = [
            field.column
            for field in model._meta.local_concrete_fields
            if field.name in names or (field.primary_key and "pk" in names)
        ]
        table = model._meta.db_table
        self.do(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{constraint.name}" CHECK',
            self.make_check,
            model,
            constraint,
            columns,
        )

    def make_check(self, model, constraint, columns: list[str]) -> None:
        rows = model._base_manager.using(self.connection.alias)
        if rows.exists() and rows.exclude(constraint.condition).exists():
            raise IntegrityError(f"CHECK constraint failed: {constraint.name}")
        sql = check_sql(self.connection, model, constraint.condition)
        self.keep_check(
            model._meta.db_table,
            {
                "name": constraint.name,
                "columns": columns,
                "sql": self.connection.local_engine.written_in(*sql),
            },
        )

    def remove_constraint(self, model, constraint):
        table = model._meta.db_table
        if isinstance(constraint, CheckConstraint):
            self.do(
                f'ALTER TABLE "{table}" DROP CONSTRAINT "{constraint.name}"',
                self.drop_check,
                table,
                constraint.name,
            )
        elif isinstance(constraint, UniqueConstraint):
            if self.collect_sql or constraint.name in self.known_indexes(table):
                self.remove(table, constraint.name)
