"""What INSERT, UPDATE and DELETE share on every store, as mixins of the compilers."""

import json
from itertools import repeat
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet
from django.db import IntegrityError, NotSupportedError, models
from django.db.models.constants import OnConflict
from django.db.models.expressions import (
    Case,
    Col,
    ColPairs,
    ExpressionWrapper,
    Value,
    When,
)
from django.db.models.lookups import Exact
from django.db.models.sql.constants import ROW_COUNT
from django.db.models.sql.query import Query
from django.db.models.sql.where import WhereNode

from ..catalog import inserts as keptwrites
from ..catalog.unique import Uniques
from ..conditions import FALSE
from ..cursor import Statement, result_of
from ..planner.refusal import Refused
from ..planner.scans import push
from ..planner.translate import Translator, conjuncts
from ..query import MISSING
from ..text import shown
from ..values.wrappers import Document, Json
from .constraints import RowChecks

# Django 6.1's, None before.
JSON_NULL = getattr(models, "JSONNull", None)


class WriteMixin:
    """Common to the three: running as one query, conditions for the store."""

    # What the compilers that this is mixed into have.
    query: Any
    store: Any
    using: Any
    python_converters: Any
    query_class: Any
    convert_value_for_db: Any
    for_db_converter: Any
    from_db_converter: Any
    compile: Any
    get_converters: Any
    apply_converters: Any
    pre_save_val: Any
    pre_sql_setup: Any
    as_sql: Any

    def run_write(self, work, text) -> Any:
        with self.store.cursor() as cursor:
            cursor.execute(Statement(work, text))
            return result_of(cursor)

    def native_query(self, query):
        """A scan that holds exactly the query's WHERE, or None."""
        if sum(count > 0 for count in query.alias_refcount.values()) > 1:
            return None
        alias = query.get_initial_alias()
        meta = query.get_meta().concrete_model._meta
        if query.alias_map[alias].table_name != meta.db_table:
            return None
        try:
            condition = Translator(self.store, alias).condition(query.where)
        except (Refused, FullResultSet):
            return None
        if condition == FALSE:
            raise EmptyResultSet
        scan = self.query_class(self, [meta.pk])
        return None if push(scan, conjuncts(condition)) else scan

    def keys_and(self, query, expressions=()) -> list[list]:
        """Rows of the matching rows' stored key, then the expressions' values."""
        reading = query.chain(klass=Query)
        reading.clear_ordering(force=True)
        reading.clear_limits()
        reading.select_related = False
        reading.extra = {}
        reading.annotations = {}
        reading.default_cols = False
        alias = reading.get_initial_alias()
        key_columns = [each.get_col(alias) for each in query.get_meta().pk_fields]
        reading.select = (*key_columns, *expressions)
        compiler = self.store.ops.compiler("SQLCompiler")(
            reading, self.store, self.using
        )
        try:
            plan, converters = compiler.plan()
        except EmptyResultSet:
            return []
        width = len(key_columns)
        self.read_text = plan.text
        rows = []
        for row in compiler.python_results(plan, converters):
            key = self.stored_key(query.get_meta(), row[:width])
            rows.append([key, *row[width:]])
        return rows

    def stored_key(self, meta, values) -> Any:
        """The row's key as `update_rows` and `delete_rows` take it."""
        stored = [
            self.stored(field, field.get_db_prep_save(value, self.store))
            for field, value in zip(meta.pk_fields, values, strict=True)
        ]
        return stored[0] if len(stored) == 1 else tuple(stored)

    def prepared(self, field, value: Any) -> Any:
        """A computed value as get_db_prep_save() would give it."""
        if not isinstance(field, models.JSONField):
            return field.get_db_prep_save(value, self.store)
        return json_of_text(field, value)

    def stored(self, field, value: Any) -> Any:
        """A value from get_db_prep_save() as the store holds it; MISSING for NULL."""
        if value is None:
            return MISSING
        return self.convert_value_for_db(self.store.type_of(field), value)


class InsertMixin(WriteMixin):
    """INSERT of any number of rows, which are kept as columns: {field: values}."""

    def execute_sql(self, returning_fields=None):
        self.returning_fields = returning_fields
        meta = self.query.get_meta().concrete_model._meta
        objects = self.query.objs
        columns = {
            field: [
                self.prepare_value(field, self.pre_save_val(field, each))
                for each in objects
            ]
            for field in self.query.fields
        }

        def work():
            return self.insert_columns(meta, columns, len(objects))

        def text():
            names = ", ".join(f'"{field.column}"' for field in self.query.fields)
            returning = ", ".join(
                f'"{meta.db_table}"."{field.column}"'
                for field in self.returning_fields or ()
            )
            return (
                f'INSERT INTO "{meta.db_table}" ({names})'
                + (f" RETURNING {returning}" if returning else "")
                + f" -- {len(objects)} rows"
            )

        stored = self.run_write(work, text)
        if not returning_fields:
            return []
        nothing = [None] * len(objects)
        found = zip(
            *(stored.get(field, nothing) for field in returning_fields), strict=True
        )
        cols = [field.get_col(meta.db_table) for field in returning_fields]
        converters = self.python_converters(cols)
        return list(map(tuple, self.apply_converters(found, converters)))

    def prepare_value(self, field, value):
        if hasattr(value, "resolve_expression"):
            found = super().prepare_value(field, value)
            if hasattr(found, "as_sql"):
                return found
        return field.get_db_prep_save(value, connection=self.store)

    def insert_columns(self, meta, columns: dict, count: int) -> dict:
        """Compute, check, store `count` rows; return them as {field: Python values}."""
        self.compute_expressions(columns)
        auto = meta.auto_field
        for field in meta.local_concrete_fields:
            if field not in columns and not field.generated and field is not auto:
                columns[field] = [None] * count
        checks = RowChecks(self.store, meta)
        if self.query.on_conflict == OnConflict.IGNORE:
            columns, count = checks.without_refused(columns, count, auto)
        else:
            checks.complete_and_check_columns(columns, count, auto)
        if count:
            columns |= self.insert_documents(self.documents_of(columns, count))
        return {
            field: list(map(python_value, values)) for field, values in columns.items()
        }

    def documents_of(self, columns: dict, count: int) -> list[dict[str, Any]]:
        """The rows as {column: stored value}, NULLs left out."""
        stored = {}
        for field, values in columns.items():
            if field.column is not None:
                convert = self.for_db_converter(self.store.type_of(field))
                stored[field.column] = [
                    MISSING if value is None else convert(value) for value in values
                ]
        rows = zip(*stored.values(), strict=True) if stored else repeat((), count)
        return [
            {
                name: value
                for name, value in zip(stored, row, strict=True)
                if value is not MISSING
            }
            for row in rows
        ]

    def insert_documents(self, documents: list[dict[str, Any]]) -> dict:
        """Store the rows as the query says, conflicts included; return {field: values}
        of those that the store has decided.
        """
        query = self.query
        auto = query.get_meta().concrete_model._meta.auto_field
        if query.on_conflict is None:
            keys = self.insert_many(documents, bool(self.returning_fields))
            return {auto: keys} if auto is not None and keys else {}
        stored = self.insert_on_conflict(
            documents,
            query.on_conflict,
            [field.column for field in query.unique_fields],
            [field.column for field in query.update_fields],
        )
        return {
            field: [self.read(field, each) for each in stored]
            for field in (self.returning_fields or ())
            if stored
        }

    def read(self, field, stored: dict[str, Any]) -> Any:
        """The Python value of a field in {column: stored value}."""
        value = stored.get(field.column)
        db_type = self.store.type_of(field)
        if db_type == "document":
            return field.from_db_value(value, None, self.store)
        convert = self.from_db_converter(db_type)
        return value if value is None or convert is None else convert(value)

    def completed(self, meta, stored: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Check rows ({column: stored value}) as an update has merged them; return
        {column: stored value or MISSING} of the generated columns of each.
        """
        checks = RowChecks(self.store, meta)
        if not (checks.generated or checks.constraints):
            return [{} for _ in stored]
        fields = [
            each
            for each in meta.local_concrete_fields
            if each.column is not None and not each.generated
        ]
        rows = [
            {field: self.restored(field, each) for field in fields} for each in stored
        ]
        checks.complete_and_check(rows)
        return [
            {field.column: self.stored(field, row[field]) for field in checks.generated}
            for row in rows
        ]

    def restored(self, field, stored: dict[str, Any]) -> Any:
        """A stored value as get_db_prep_save() gives it."""
        value = self.read(field, stored)
        if self.store.type_of(field) == "json":
            return Json(value) if field.column in stored else None
        return field.get_db_prep_save(value, self.store)

    def compute_expressions(self, columns: dict) -> None:
        """Replace expressions by the values that the local engine gives them."""
        waiting: dict[int, list] = {}
        for field, values in columns.items():
            for number, value in enumerate(values):
                if is_json_null(value):
                    values[number] = Json(None)
                elif hasattr(value, "as_sql"):
                    waiting.setdefault(number, []).append(field)
        for number, fields in waiting.items():
            found = self.computed(
                [json_as_text(columns[field][number], field) for field in fields]
            )
            for field, value in zip(fields, found, strict=True):
                columns[field][number] = self.prepared(field, value)

    def computed(self, expressions: list) -> list:
        compiled = [self.compile(each) for each in expressions]
        sql = "SELECT " + ", ".join(text for text, _ in compiled)
        params = [value for _, values in compiled for value in values]
        _, rows = self.store.local_engine.select(sql, params)
        (row,) = self.apply_converters(rows, self.get_converters(expressions))
        return row

    # --- for backends ---

    def key_of(self, data: dict[str, Any]) -> Any:
        """The key of a row that is inserted, as `delete_rows` takes it."""
        fields = self.query.get_meta().concrete_model._meta.pk_fields
        key = tuple(data[field.column] for field in fields)
        return key if len(key) > 1 else key[0]

    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        """Store one row ({column: stored value}, NULLs left out); return its key
        as a Python value when asked. A duplicate raises the driver's error for it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement insert().")

    def insert_many(self, rows: list[dict[str, Any]], return_ids: bool) -> list:
        """Store rows, all or none; return their keys when asked."""
        if self.store.catalog:
            return self.store.all_or_nothing(lambda: keptwrites.insert(self, rows))
        if len(rows) == 1:
            return [self.insert(rows[0], return_ids)]
        return self.store.all_or_nothing(
            lambda: [self.insert(row, return_ids) for row in rows]
        )

    def insert_on_conflict(
        self,
        rows: list[dict[str, Any]],
        on_conflict: OnConflict,
        unique_columns: list[str],
        update_columns: list[str],
    ) -> list:
        """Store rows, leaving (IGNORE) or updating (UPDATE) those that exist.

        After UPDATE, return the rows as they are stored, {column: stored value}.
        `completed()` checks such rows, and gives their generated columns.
        """
        if not self.store.catalog:
            raise NotSupportedError(
                f"{self.store.display_name} cannot insert and resolve conflicts."
            )
        return self.store.all_or_nothing(
            lambda: keptwrites.insert_on_conflict(
                self, rows, on_conflict, unique_columns, update_columns
            )
        )


def python_value(value: Any) -> Any:
    return value.value if isinstance(value, (Document, Json)) else value


class UpdateMixin(WriteMixin):
    """UPDATE; the answer is the number of rows matched, changed or not."""

    def execute_sql(self, result_type):
        row_count = self.update(result_type)
        is_empty = row_count is None
        row_count = row_count or 0
        for query in self.query.get_related_updates():
            count = query.get_compiler(self.using).execute_sql(result_type)
            if is_empty and count:
                row_count, is_empty = count, False
        return row_count

    def update(self, result_type) -> int | None:
        try:
            self.pre_sql_setup()
            # Joins are in the subquery now: here they would repeat rows.
            self.query.reset_refcounts({self.query.get_initial_alias(): 1})
            if not self.query.values:
                return None
            values = self.resolved_values()
        except EmptyResultSet:
            return None
        self.read_text = lambda: ""
        try:
            scan = self.native_query(self.query)
        except EmptyResultSet:
            return None

        def text():
            where = scan.describe() if scan is not None else self.read_text()
            return f"{shown(*self.as_sql())} -- {where}"

        count = self.run_write(lambda: self.update_by(scan, values), text)
        return count

    def resolved_values(self) -> dict:
        """{field: value from get_db_prep_save() or resolved expression}."""
        values = {}
        for field, _model, value in self.query.values:
            if hasattr(value, "resolve_expression"):
                value = value.resolve_expression(
                    self.query, allow_joins=False, for_save=True
                )
                if value.contains_aggregate:
                    raise FieldError(
                        "Aggregate functions are not allowed in this query "
                        f"({field.name}={value!r})."
                    )
                if value.contains_over_clause:
                    raise FieldError(
                        "Window expressions are not allowed in this query "
                        f"({field.name}={value!r})."
                    )
                if isinstance(value, ColPairs):
                    raise FieldError(
                        "Composite primary keys expressions are not allowed in this "
                        f"query ({field.name}=F('pk'))."
                    )
            elif hasattr(value, "prepare_database_save"):
                if not field.remote_field:
                    raise TypeError(
                        f"Tried to update field {field} with a model instance, "
                        f"{value!r}. Use a value compatible with "
                        f"{field.__class__.__name__}."
                    )
                value = value.prepare_database_save(field)
            if is_plain(value, field, self.store) and not isinstance(
                value.value, (dict, list)
            ):
                if value.value is not None or field.get_internal_type() != "JSONField":
                    value = value.value
            if is_json_null(value):
                values[field] = Json(None)
            else:
                values[field] = field.get_db_prep_save(value, connection=self.store)
        return values

    def update_by(self, scan, values: dict) -> int:
        meta = self.query.get_meta()
        checks = RowChecks(self.store, meta)
        uniques = self.uniques(meta, values, checks)
        if scan is not None and not (uniques or checks.needed(values)):
            try:
                return scan.update(self.written(values))
            except NotSupportedError:
                pass
        by_key = self.values_by_key(values)
        if by_key is not None and not (uniques or checks.needed(values, by_key)):
            return self.query_class(self, [meta.pk]).update_rows(by_key)
        return self.store.all_or_nothing(
            lambda: self.update_found(meta, checks, values, uniques)
        )

    def written(self, values: dict) -> dict[str, Any]:
        """{column: stored value or expression}."""
        return {
            field.column: value
            if hasattr(value, "as_sql")
            else self.stored(field, value)
            for field, value in values.items()
        }

    def uniques(self, meta, values: dict, checks) -> Uniques | None:
        """The table's unique indexes, if the toolkit is to look after them now."""
        if self.store.catalog is None:
            return None
        uniques = Uniques(self.store, meta.model)
        columns = {field.column for field in (*values, *checks.generated)}
        return uniques if uniques.concern(columns) else None

    def update_found(self, meta, checks, values: dict, uniques) -> int:
        """Update rows by their keys, by the store's changes of documents if it has."""
        expressions = [each for each in values.values() if hasattr(each, "as_sql")]
        changes = self.query_class.changes_documents and expressions
        if (
            changes
            and all(getattr(each, "is_constant", False) for each in expressions)
            and not (uniques or checks.generated or checks.constraints)
        ):
            written = self.written(values)
            keys = [row[0] for row in self.keys_and(self.query)]
            if not keys:
                return 0
            query = self.query_class(self, [meta.pk])
            try:
                return query.update_rows([(key, written) for key in keys])
            except NotSupportedError:
                pass
        return self.update_computed(meta, checks, values, uniques)

    def update_computed(self, meta, checks, values: dict, uniques) -> int:
        if self.store.catalog:
            self.query_class(self, [meta.pk]).lock()
        expressions = {
            field: value for field, value in values.items() if hasattr(value, "as_sql")
        }
        others = checks.columns_needed(values, uniques is not None)
        alias = self.query.get_initial_alias()
        columns = [field.get_col(alias) for field in others]
        computed = [typed(value, field) for field, value in expressions.items()]
        rows = self.keys_and(self.query, [*computed, *columns])
        changes = []
        states = []
        for key, *found in rows:
            state = {
                field: field.get_db_prep_save(value, self.store)
                for field, value in zip(others, found[len(expressions) :], strict=True)
            }
            change = {
                **{f: v for f, v in values.items() if f not in expressions},
                **{
                    field: self.prepared(field, value)
                    for field, value in zip(expressions, found, strict=False)
                },
            }
            states.append({**state, **change})
            changes.append((key, change))
        checks.complete_and_check(states, set(values))
        for (_, change), state in zip(changes, states, strict=True):
            for field in checks.generated:
                change[field] = state[field]
        written = [
            (
                key,
                {
                    field.column: self.stored(field, value)
                    for field, value in change.items()
                },
            )
            for key, change in changes
        ]
        if uniques:
            whole = [
                {field.column: self.stored(field, state[field]) for field in state}
                for state in states
            ]
            keys = [key for key, _ in written]
            uniques.check(list(map(keptwrites.without_missing, whole)), keys)
        if written and uniques and not set(meta.pk_fields).isdisjoint(values):
            keptwrites.move(self.store, meta, written)
        elif written:
            self.query_class(self, [meta.pk]).update_rows(written)
        return len(written)

    def values_by_key(self, values: dict) -> list | None:
        """bulk_update()'s CASE pk WHEN ... as [(stored key, {column: value})]."""
        meta = self.query.get_meta()
        rows: dict[Any, dict] = {}
        for field, value in values.items():
            if type(value) is not Case or value.default != Value(None):
                return None
            for when in value.cases:
                key = self.key_of_when(when, meta)
                if key is None:
                    return None
                constant = when.result
                if is_json_null(constant):
                    prepared: Any = Json(None)
                elif is_plain(constant, field, self.store):
                    prepared = field.get_db_prep_save(constant.value, self.store)
                else:
                    return None
                # The first WHEN of a key is the one that counts.
                row = rows.setdefault(key, {})
                row.setdefault(field.column, self.stored(field, prepared))
        if not self.selects_keys(set(rows), meta):
            return None
        return list(rows.items())

    def key_of_when(self, when: When, meta) -> Any:
        node = when.condition
        while isinstance(node, WhereNode):
            if node.negated or len(node.children) != 1:
                return None
            (node,) = node.children
        if not isinstance(node, Exact) or type(node.lhs) is not Col:
            return None
        if node.lhs.target is not meta.pk or hasattr(node.rhs, "as_sql"):
            return None
        key = self.stored_key(meta, [node.rhs])
        return key if getattr(key, "__hash__", None) else None

    def selects_keys(self, keys: set, meta) -> bool:
        """Whether the WHERE is just `pk IN (keys)`."""
        node: Any = self.query.where
        while isinstance(node, WhereNode):
            if node.negated or len(node.children) != 1:
                return False
            (node,) = node.children
        if getattr(node, "lookup_name", "") != "in" or type(node.lhs) is not Col:
            return False
        if node.lhs.target is not meta.pk or not isinstance(
            node.rhs, (list, tuple, set)
        ):
            return False
        return {self.stored_key(meta, [key]) for key in node.rhs} == keys


def is_json_null(value: Any) -> bool:
    """Whether a value is Django 6.1's JSONNull()."""
    return JSON_NULL is not None and isinstance(value, JSON_NULL)


def is_plain(value: Any, field, store) -> bool:
    """Whether a value is a Value that the column stores as its own type would."""
    if type(value) is not Value:
        return False
    own = vars(value).get("output_field")
    return own is None or own.db_type(store) == field.db_type(store)


def json_of_text(field, value: Any) -> Any:
    """What a JSON column holds where SQL has computed its text, or a key's value."""
    if value is None:
        return None
    if not isinstance(value, str):
        return Json(value)
    try:
        return Json(json.loads(value))
    except ValueError as error:
        raise IntegrityError(
            f"CHECK constraint failed: {field.column} of "
            f"{field.model._meta.db_table} would be {value!r}, which is not JSON"
        ) from error


def json_as_text(expression, field):
    """The expression; where a JSON column is to hold it, SQL's text of it."""
    if not isinstance(field, models.JSONField):
        return expression
    return ExpressionWrapper(expression, output_field=models.TextField())


def typed(expression, field):
    """The expression, which takes the column's type where it has none itself, and
    where it is JSON for a column of text.
    """
    if isinstance(field, models.JSONField):
        return json_as_text(expression, field)
    try:
        known = expression._output_field_or_none
    except FieldError:
        known = None
    if isinstance(known, models.JSONField):
        known = None
    return expression if known else ExpressionWrapper(expression, output_field=field)


class DeleteMixin(WriteMixin):
    """DELETE; the answer is the number of rows deleted."""

    def execute_sql(self, result_type=None):
        self.query.get_initial_alias()
        self.read_text = lambda: ""
        try:
            scan = self.native_query(self.query)
        except EmptyResultSet:
            return 0 if result_type == ROW_COUNT else None

        def text():
            where = scan.describe() if scan is not None else self.read_text()
            return f"{shown(*self.as_sql())} -- {where}"

        return self.run_write(lambda: self.delete_by(scan), text)

    def delete_by(self, scan) -> int:
        if scan is not None:
            try:
                return scan.delete()
            except NotSupportedError:
                pass
        return self.store.all_or_nothing(self.delete_found)

    def delete_found(self) -> int:
        keys = list(dict.fromkeys(row[0] for row in self.keys_and(self.query)))
        if not keys:
            return 0
        meta = self.query.get_meta()
        return self.query_class(self, [meta.pk]).delete_rows(keys)
