"""Schema changes on LMDB: entries of the catalog, rows and indexes brought along."""

from typing import Any

from django.db import DataError, IntegrityError, NotSupportedError, ProgrammingError
from django.db.models.expressions import Col, Func, OrderBy
from django.db.models.functions import Collate, Lower, Reverse, Upper
from django.db.models.indexes import IndexExpression
from django.db.models.sql.query import Query

from ..planner.columns import stored_field
from ..planner.lookups import Translator, Untranslatable
from ..planner.pushdown import columns_in
from ..schema import NonrelSchemaEditor, unsupported
from . import catalog, predicates, rows
from .catalog import Table, loaded
from .expressions import COLLATIONS, checked
from .values import from_stored, pack, to_stored

# What an index on an expression holds, for finding rows and for uniqueness.
SEARCHED: dict[type, str] = {Lower: "fold", Upper: "fold", Reverse: "reverse"}
# What Django puts around an index's expression.
PARENTHESES = {"template": "(%(expressions)s)"}
UNIQUE: dict[type, str] = {Lower: "lower", Upper: "upper", Reverse: "reverse"}


class DatabaseSchemaEditor(NonrelSchemaEditor):
    """All of it is transactional: a rollback undoes it."""

    def write(self, work) -> Any:
        return self.connection.write(work)

    def entry(self, txn, table: str) -> dict[str, Any]:
        """The table's catalog entry, to be changed and saved."""
        return catalog.entry_of(txn, table)

    # --- tables ---

    def table_exists(self, table):
        return self.connection.read(
            lambda txn: txn.get(catalog.table_key(table)) is not None
        )

    def make_table(self, model):
        fields = [
            field
            for field in model._meta.local_concrete_fields
            if field.column is not None and field.db_type(self.connection) is not None
        ]

        def work(txn):
            columns = [
                {**self.described(field), "position": position}
                for position, field in enumerate(fields)
            ]
            if not any(column["pk"] for column in columns):
                raise ProgrammingError(f"{model._meta.db_table} has no primary key.")
            entry = {
                "id": catalog.new_tree(txn),
                "width": len(columns),
                "columns": columns,
                "indexes": [],
                "checks": [],
            }
            catalog.save(txn, model._meta.db_table, entry)

        self.write(work)

    def drop_table(self, table):
        def work(txn):
            known = self.connection.table(txn, table)
            for index in (known.primary, *known.indexes):
                catalog.clear_tree(txn, index.prefix)
            txn.delete(known.counters_key)
            catalog.remove(txn, table)

        self.write(work)

    def rename_table(self, old, new):
        def work(txn):
            entry = self.entry(txn, old)
            if txn.get(catalog.table_key(new)) is not None:
                raise ProgrammingError(f'table "{new}" already exists')
            catalog.remove(txn, old)
            catalog.save(txn, new, entry)
            # Keys that refer to the table do so by its name.
            for name, _ in list(catalog.entries(txn)):
                other = self.entry(txn, name)
                if rename_references(other, old, new):
                    catalog.save(txn, name, other)

        self.write(work)

    # --- columns ---

    def make_column(self, model, field, value):
        table = model._meta.db_table
        stored = self.stored(field, value)

        def work(txn):
            entry = self.entry(txn, table)
            if any(column["name"] == field.column for column in entry["columns"]):
                raise ProgrammingError(f"duplicate column name: {field.column}")
            position = entry["width"]
            entry["width"] += 1
            entry["columns"].append({**self.described(field), "position": position})
            known = loaded(table, pack(entry))
            if stored is not None:
                for row_key, row in rows.list_rows(txn, known):
                    row[position] = stored
                    txn.put(known.prefix + row_key, pack(row))
            elif not field.null and not field.generated and has_rows(txn, known):
                raise IntegrityError(
                    f"NOT NULL constraint failed: {table}.{field.column}"
                )
            catalog.save(txn, table, entry)

        self.write(work)

    def stored(self, field, value: Any) -> Any:
        if value is None:
            return None
        return to_stored(field.db_type(self.connection), value)

    def drop_column(self, model, field):
        table = model._meta.db_table

        def work(txn):
            known = self.connection.table(txn, table)
            position = known.position(field.column)
            entry = self.entry(txn, table)
            for index in known.indexes:
                if position in index.positions:
                    catalog.clear_tree(txn, index.prefix)
                    remove_named(entry["indexes"], index.name)
            entry["checks"] = [
                check
                for check in entry["checks"]
                if field.column not in check["columns"]
            ]
            if position in known.primary.positions:
                # The rows keep their places by it, until another key is named.
                named(entry["columns"], field.column)["name"] = catalog.REMOVED_KEY
                catalog.save(txn, table, entry)
                return
            remove_named(entry["columns"], field.column)
            for row_key, row in rows.list_rows(txn, known):
                row[position] = None
                txn.put(known.prefix + row_key, pack(row))
            catalog.save(txn, table, entry)

        self.write(work)

    def change_column(self, model, old_field, new_field, value):
        table = model._meta.db_table
        old_type = old_field.db_type(self.connection)
        new_type = new_field.db_type(self.connection)
        default = self.stored(new_field, value)

        def work(txn):
            known = self.connection.table(txn, table)
            position = known.position(old_field.column)
            entry = self.entry(txn, table)
            column = named(entry["columns"], old_field.column)
            column.clear()
            column |= {**self.described(new_field), "position": position}
            if new_field.primary_key:
                for other in list(entry["columns"]):
                    other["pk"] = other is column
                    if other["name"] == catalog.REMOVED_KEY:
                        entry["columns"].remove(other)
            if old_field.column != new_field.column:
                self.rename_column(txn, entry, table, old_field, new_field)
            convert = self.conversion(table, old_field, new_field, old_type, new_type)

            def change(row: list) -> None:
                if row[position] is None:
                    row[position] = default
                elif convert is not None:
                    row[position] = convert(row[position])
                if row[position] is None and not new_field.null:
                    raise IntegrityError(
                        f"NOT NULL constraint failed: {table}.{new_field.column}"
                    )

            after = loaded(table, pack(entry))
            rekeyed = after.primary.positions != known.primary.positions
            if convert is not None or default is not None or rekeyed:
                rebuild(txn, known, entry, change)
                return
            if old_field.null and not new_field.null:
                for _, row in rows.list_rows(txn, known):
                    change(row)
            catalog.save(txn, table, entry)

        self.write(work)

    def rename_column(self, txn, entry, table: str, old_field, new_field) -> None:
        old, new = old_field.column, new_field.column
        quote = self.connection.local_engine.quote
        for index in entry["indexes"]:
            expressions = [what for _, _, what in index["parts"]]
            if isinstance(index["condition"], list):
                index["condition"] = predicates.renamed(index["condition"], old, new)
            for what in (*expressions, index["condition"]):
                if isinstance(what, dict) and old in what["columns"]:
                    what["columns"] = [new if x == old else x for x in what["columns"]]
                    what["sql"] = what["sql"].replace(quote(old), quote(new))
        for check in entry["checks"]:
            if old in check["columns"]:
                check["columns"] = [new if x == old else x for x in check["columns"]]
                check["sql"] = check["sql"].replace(quote(old), quote(new))
        for name, _ in list(catalog.entries(txn)):
            other = entry if name == table else self.entry(txn, name)
            for column in other["columns"]:
                if column.get("references") == [table, old]:
                    column["references"] = [table, new]
                    if other is not entry:
                        catalog.save(txn, name, other)

    def conversion(self, table, old_field, new_field, old_type, new_type):
        """The function from old to new stored values, None for none."""
        if old_type == new_type or {old_type, new_type} == {"int", "long"}:
            return None
        target = stored_field(new_field)
        to_python = CONVERSIONS.get((old_type, new_type), target.to_python)

        def convert(stored: Any) -> Any:
            value = from_stored(old_type, stored)
            try:
                converted = target.get_db_prep_save(to_python(value), self.connection)
                return to_stored(new_type, converted)
            except Exception as error:
                raise DataError(
                    f"{table}.{old_field.column} cannot become "
                    f"{new_field.get_internal_type()}: the value {value!r} does not "
                    f"convert ({error})."
                ) from error

        return convert

    def change_type(self, model, column, old_field, new_field):
        table = model._meta.db_table
        new_type = new_field.rel_db_type(self.connection)
        old_type = old_field.rel_db_type(self.connection)
        convert = self.conversion(table, old_field, new_field, old_type, new_type)

        def work(txn):
            known = self.connection.table(txn, table)
            position = known.position(column)
            entry = self.entry(txn, table)
            named(entry["columns"], column)["db_type"] = new_type

            def change(row: list) -> None:
                if row[position] is not None and convert is not None:
                    row[position] = convert(row[position])

            rebuild(txn, known, entry, change)

        self.write(work)

    # --- indexes ---

    def make_index(self, model, name, parts, unique=False, condition=None):
        table = model._meta.db_table
        if condition is not None:
            condition = self.condition(model, condition)

        def work(txn):
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

    def condition(self, model, condition) -> Any:
        """A Q as the catalog keeps it: tests of columns, or else an expression."""
        query = Query(model)
        where = query.build_where(condition)
        alias = query.get_initial_alias()
        try:
            found = Translator(self.connection, alias).condition(where)
            predicates.prepare(found)
        except (Untranslatable, NotSupportedError):
            query = Query(model, alias_cols=False)
            return self.expression(query, query.build_where(condition))
        return predicates.dumped(found)

    def drop_index(self, table, name):
        def work(txn):
            known = self.connection.table(txn, table)
            entry = self.entry(txn, table)
            for index in known.indexes:
                if index.name == name:
                    catalog.clear_tree(txn, index.prefix)
            remove_named(entry["indexes"], name)
            catalog.save(txn, table, entry)

        self.write(work)

    def known_indexes(self, table):
        def work(txn):
            known = self.connection.table(txn, table)
            return {
                index.name: (index.columns, index.unique) for index in known.indexes
            }

        return self.connection.read(work)

    def index_parts(self, model, index):
        if not index.expressions:
            return super().index_parts(model, index)
        return self.expression_parts(model, index.expressions, SEARCHED)

    def expression_parts(self, model, expressions, transforms):
        query = Query(model, alias_cols=False)
        return [
            self.expression_part(query, expression, transforms)
            for expression in expressions
        ]

    def expression_part(self, query, expression, transforms):
        """(column, descending, transform), where there is no column but what the
        expression is, if need be.
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

    def expression(self, query, expression, collation=None) -> dict[str, Any]:
        """An SQL expression as the catalog keeps it."""
        if collation is not None and collation not in COLLATIONS:
            raise NotSupportedError(
                f"LMDB has no index by the collation {collation}; it has "
                f"{', '.join(COLLATIONS)}."
            )
        wrapper = self.connection.local_engine.wrapper
        compiler = query.get_compiler(connection=wrapper)
        sql, params = compiler.compile(expression)
        sql = self.connection.local_engine.written_in(sql, params) % ()
        names = list(dict.fromkeys(col.target.column for col in columns_in(expression)))
        checked(sql, names)
        return {"sql": sql, "columns": names, "collation": collation}

    def add_unique(self, model, constraint):
        if not constraint.expressions:
            super().add_unique(model, constraint)
            return
        if unsupported(constraint):
            return
        parts = self.expression_parts(model, constraint.expressions, UNIQUE)
        self.create(model, constraint.name, parts, True, constraint.condition)

    def described(self, field):
        column = super().described(field)
        if field.has_db_default():
            query = Query(field.model, alias_cols=False)
            default = field._db_default_expression
            wrapper = self.connection.local_engine.wrapper
            sql = query.get_compiler(connection=wrapper).compile(default)
            column["default"] = self.connection.local_engine.written_in(*sql)
        return column

    def rename_index(self, model, old_index, new_index):
        table = model._meta.db_table

        def work(txn):
            entry = self.entry(txn, table)
            named(entry["indexes"], old_index.name)["name"] = new_index.name
            catalog.save(txn, table, entry)

        text = f'ALTER INDEX "{old_index.name}" RENAME TO "{new_index.name}"'
        self.do(text, self.write, work)

    # --- checks ---

    def keep_check(self, table, check):
        def work(txn):
            entry = self.entry(txn, table)
            entry["checks"].append(check)
            catalog.save(txn, table, entry)

        self.write(work)

    def drop_check(self, table, name):
        def work(txn):
            entry = self.entry(txn, table)
            remove_named(entry["checks"], name)
            catalog.save(txn, table, entry)

        self.write(work)


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise ProgrammingError(f"There is no {name}.")


def remove_named(entries: list[dict[str, Any]], name: str) -> None:
    entries.remove(named(entries, name))


def rename_references(entry: dict[str, Any], old: str, new: str) -> bool:
    found = False
    for column in entry["columns"]:
        references = column.get("references")
        if references and references[0] == old:
            references[0], found = new, True
    return found


def has_rows(txn, table: Table) -> bool:
    return next(iter(rows.all_rows(txn, table)), None) is not None


def rebuild(txn, table: Table, entry: dict[str, Any], change) -> None:
    """Write all rows anew, each after `change(row)`, as the new entry has it."""
    sequence, count = catalog.counters(txn, table)
    entry["id"] = catalog.new_tree(txn)
    entry["truncated"] = False
    for index in entry["indexes"]:
        index["id"] = catalog.new_tree(txn)
        index["truncated"] = False
    catalog.save(txn, table.name, entry)
    after = loaded(table.name, pack(entry))
    for _, row in rows.list_rows(txn, table):
        change(row)
        rows.insert(txn, after, row)
    for index in (table.primary, *table.indexes):
        catalog.clear_tree(txn, index.prefix)
    txn.delete(table.counters_key)
    catalog.set_counters(txn, after, sequence, count)


CONVERSIONS: dict[tuple[str, str], Any] = {
    ("bool", "int"): int,
    ("bool", "long"): int,
    ("int", "string"): str,
    ("long", "string"): str,
    ("double", "string"): str,
    ("decimal", "string"): str,
    ("uuid", "string"): lambda value: value.hex,
    ("date", "string"): str,
    ("datetime", "string"): str,
}
