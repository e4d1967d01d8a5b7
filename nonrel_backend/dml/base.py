"""WriteMixin: what the INSERT, UPDATE and DELETE compilers share."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DataError, NotSupportedError, models
from django.db.models.sql.query import Query

from ..conditions import FALSE, conjuncts
from ..planner.refusal import Refused
from ..planner.scans import refusal_once
from ..planner.tables import writes_own_sql
from ..planner.translate import Translator
from ..query import MISSING, NonrelQuery
from ..text import shown
from ..values.saving import SPECIAL, UNFIT, named, of_column, to_save
from .expressions import json_of_text


class WriteMixin:
    """Finds the rows that a statement changes, and converts values to be stored."""

    # Attributes of the compilers that this class is mixed into.
    query: Any
    store: Any
    using: Any
    query_class: Any
    convert_value_for_db: Any
    convert_value_from_db: Any
    for_db_converter: Any
    from_db_converter: Any
    compile: Any
    get_converters: Any
    python_converters: Any
    apply_converters: Any
    pre_save_val: Any
    pre_sql_setup: Any
    as_sql: Any
    # The plan that found the rows to change, if the store did not find them itself.
    reading_plan: Any = None
    # Why the statement is not one native command of the store.
    refusal = ""

    def native_query(self, query: Query) -> NonrelQuery | None:
        """Return a scan of exactly the rows that the WHERE matches.

        Return None, with the reason in `refusal`, if the store cannot filter so. Raise
        EmptyResultSet if no row can match.
        """
        self.refusal = ""
        if writes_own_sql(query):
            self.refusal = f"{type(self).__name__} writes SQL of its own"
            return None
        if sum(count > 0 for count in query.alias_refcount.values()) > 1:
            self.refusal = "the statement joins tables"
            return None
        alias = query.get_initial_alias()
        meta = query.get_meta().concrete_model._meta
        if query.alias_map[alias].table_name != meta.db_table:
            self.refusal = f"its WHERE is not on {meta.db_table}"
            return None
        try:
            condition = Translator(self.store, alias).condition(query.where)
        except Refused as error:
            self.refusal = error.reason
            return None
        except FullResultSet:
            self.refusal = "its WHERE is no condition on columns"
            return None
        if condition == FALSE:
            raise EmptyResultSet
        scan = self.query_class(self, [meta.pk])
        for each in conjuncts(condition):
            reason = refusal_once(scan, each)
            if reason is not None:
                self.refusal = reason
                return None
        return scan

    def refuse(self, error: NotSupportedError) -> None:
        """Note why the store has no native command for the statement."""
        self.refusal = str(error).rstrip(".")

    def log_text(self, scan: NonrelQuery | None) -> str:
        """Return the statement for the query log, and how its rows were found."""
        where = ""
        if scan is not None:
            where = scan.describe()
        elif self.reading_plan is not None:
            where = self.reading_plan.text()
        because = f"; by key, because {self.refusal}" if self.refusal else ""
        return f"{shown(*self.as_sql())} -- {where}{because}"

    def select_keys(self, query: Query, expressions: Iterable[Any] = ()) -> list[list]:
        """Return [stored key, *values of the expressions] of each row that matches."""
        meta = query.get_meta()
        rows = self.selected(query, [*self.key_columns(query), *expressions])
        width = len(meta.pk_fields)
        return [[self.stored_key(meta, row[:width]), *row[width:]] for row in rows]

    def key_columns(self, query: Query) -> list[Any]:
        alias = query.get_initial_alias()
        return [each.get_col(alias) for each in query.get_meta().pk_fields]

    def selected(self, query: Query, expressions: Sequence[Any]) -> list[Any]:
        """Return the values of the expressions in each row that matches."""
        reading = query.chain(klass=Query)
        reading.clear_ordering(force=True)
        reading.clear_limits()
        reading.select_related = False
        reading.extra = {}
        reading.annotations = {}
        reading.default_cols = False
        reading.select = tuple(expressions)
        compiler = reading.get_compiler(connection=self.store)
        compiler.using = self.using
        try:
            plan, converters = compiler.plan()
        except EmptyResultSet:
            return []
        self.reading_plan = plan
        return compiler.python_results(plan, converters)

    def stored_key(self, meta: Any, values: Iterable[Any]) -> Any:
        """Return the row's key as `update_rows` and `delete_rows` take it."""
        stored = [
            self.stored(field, field.get_db_prep_save(value, self.store))
            for field, value in zip(meta.pk_fields, values, strict=True)
        ]
        return stored[0] if len(stored) == 1 else tuple(stored)

    def python_keys(self, keys: Iterable[Any]) -> list[Any]:
        """Return keys as filters take them, of those from `stored_key()`."""
        readers = [
            partial(self.convert_value_from_db, self.store.type_of(field))
            for field in self.query.get_meta().pk_fields
        ]
        if len(readers) == 1:
            return [readers[0](key) for key in keys]
        return [
            tuple(read(part) for read, part in zip(readers, key, strict=True))
            for key in keys
        ]

    def prepared(self, field: Any, value: Any) -> Any:
        """Return a computed value as get_db_prep_save() would."""
        if not isinstance(field, models.JSONField):
            return to_save(field, value, self.store)
        return json_of_text(field, value)

    def stored(self, field: Any, value: Any) -> Any:
        """Return a value from get_db_prep_save() in stored form; MISSING for NULL."""
        return self.stored_values(field, [value])[0]

    def stored_values(self, field: Any, values: Iterable[Any]) -> list[Any]:
        """Return values from get_db_prep_save() in stored form; MISSING for NULL.

        Raise DataError, which names the field, for one that the store cannot hold.
        """
        db_type = self.store.type_of(field)
        convert = self.for_db_converter(db_type)
        try:
            if db_type in SPECIAL:
                values = [of_column(db_type, value) for value in values]
            return [MISSING if value is None else convert(value) for value in values]
        except (DataError, TypeError, ValueError, *UNFIT) as error:
            raise named(field, error) from error
