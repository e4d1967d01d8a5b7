"""UpdateMixin: UPDATE by one native command, or by key."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError
from django.db import IntegrityError, NotSupportedError, OperationalError
from django.db.models.expressions import Case, Col, ColPairs, Value, When
from django.db.models.lookups import Exact
from django.db.models.sql.query import Query
from django.db.models.sql.where import WhereNode

from ..catalog import inserts
from ..catalog.rows import Row, Rows, compares
from ..catalog.unique import UniqueIndexes
from ..query import MISSING, NonrelQuery
from ..values.saving import to_save, with_data_errors
from ..values.wrappers import Json
from .base import WriteMixin
from .constraints import RowValidator
from .expressions import is_json_null, is_plain, typed

# How often an UPDATE computes rows again that others change meanwhile.
MOST_ATTEMPTS = 100
# What update_rows() takes: (stored key, {column: stored value}).
Changes = list[tuple[Any, dict[str, Any]]]


class UpdateMixin(WriteMixin):
    """UPDATE; the result is the number of matching rows, changed or not.

    Values are {field: value from get_db_prep_save() or resolved expression}.
    """

    returning_fields: Any = None
    # Where rows are compared when they are written: {key: row} as they were read, and
    # the keys of those that others have changed since.
    before: dict[Any, Row] | None = None
    changed: Sequence[Any] = ()

    @with_data_errors
    def execute_sql(self, result_type: Any) -> int:
        statement = self.update_statement()
        row_count = None if statement is None else self.store.run_statement(*statement)
        for query in self.query.get_related_updates():
            count = query.get_compiler(self.using).execute_sql(result_type)
            if row_count is None:
                row_count = count or None
        return row_count or 0

    @with_data_errors
    def execute_returning_sql(self, returning_fields: Sequence[Any]) -> list:
        """Return the new values of the fields in each row that matched.

        Model.save() asks for them, since Django 6.0.
        """
        if not returning_fields or self.query.get_related_updates():
            return super().execute_returning_sql(returning_fields)  # type: ignore[misc]
        statement = self.update_statement()
        if statement is None:
            return []
        self.returning_fields = returning_fields
        update, text = statement
        work = partial(self.update_and_read, update, returning_fields)
        return self.store.run_statement(partial(self.store.all_or_nothing, work), text)

    def update_and_read(
        self, update: Callable[[], int], fields: Sequence[Any]
    ) -> list[Any]:
        matching = self.found_by_key()
        if not update():
            return []
        alias = matching.get_initial_alias()
        return self.selected(matching, [field.get_col(alias) for field in fields])

    def found_by_key(self) -> Query:
        """Return a query of the rows that match now, also once they have changed."""
        matching = self.query.chain(klass=Query)
        node = only_child(matching.where)
        if isinstance(node, Exact) and is_key(node.lhs, matching.get_meta()):
            return matching
        keys = self.selected(self.query, self.key_columns(self.query))
        matching.clear_where()
        is_composite = matching.get_meta().is_composite_pk
        matching.add_filter("pk__in", [row if is_composite else row[0] for row in keys])
        return matching

    def update_statement(self) -> tuple[Callable[[], int], Callable[[], str]] | None:
        """Return what runs the UPDATE and what describes it; None if nothing to do."""
        self.store.refusals = []
        try:
            self.pre_sql_setup()
            # The joins are in a subquery now: in the outer query they repeat rows.
            self.query.reset_refcounts({self.query.get_initial_alias(): 1})
            if not self.query.values:
                return None
            values = self.resolved_values()
            scan = self.native_query(self.query)
        except EmptyResultSet:
            return None
        return partial(self.update_by, scan, values), partial(self.log_text, scan)

    def resolved_values(self) -> dict:
        """Return the values that the statement assigns."""
        return {
            field: self.resolved(field, value) for field, _, value in self.query.values
        }

    def resolved(self, field: Any, value: Any) -> Any:
        if hasattr(value, "resolve_expression"):
            if not is_resolved_case(value):
                value = value.resolve_expression(
                    self.query, allow_joins=False, for_save=True
                )
            refuse_unsuited(field, value)
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
            return Json(None)
        return to_save(field, value, self.store)

    def update_by(self, scan: NonrelQuery | None, values: dict) -> int:
        """Update the rows of the scan natively, or else by key."""
        while True:
            count = self.update_as_declared(scan, values)
            if count is not None:
                return count

    def update_as_declared(self, scan: NonrelQuery | None, values: dict) -> int | None:
        """Update the rows by the constraints that were read last.

        Return None if nothing was changed, because the table has others by now.
        """
        meta, catalog = self.query.get_meta(), self.store.catalog
        validator = RowValidator(self.store, meta, values)
        entry = None if catalog is None else catalog.last_entry(meta.db_table)
        uniques = self.uniques(meta, values, validator)
        if scan is not None and uniques and not validator.needs_rows(values):
            key = self.unique_key(meta, values, uniques)
            work = partial(self.update_one, scan, values, uniques, key)
            count = None if key is None else self.store.all_or_nothing(work)
            if count is not None:
                return count
            if catalog.last_entry(meta.db_table) != entry:
                return None
        if catalog is not None and not catalog.confirm(meta.db_table):
            return None
        if scan is not None:
            if uniques or validator.needs_rows(values):
                self.refusal = f"{meta.db_table} has constraints to validate row by row"
            else:
                try:
                    return scan.update(self.written(values))
                except NotSupportedError as error:
                    self.refuse(error)
        by_key = self.values_by_key(values)
        if by_key is not None and not (
            uniques or validator.needs_rows_by_key(values, by_key)
        ):
            return self.query_class(self, [meta.pk]).update_rows(by_key)
        return self.store.all_or_nothing(
            partial(self.update_found, meta, validator, values, uniques)
        )

    def written(self, values: dict) -> dict[str, Any]:
        """Return {column: stored value or expression}."""
        return {
            field.column: value
            if hasattr(value, "as_sql")
            else self.stored(field, value)
            for field, value in values.items()
        }

    def uniques(
        self, meta: Any, values: dict, validator: RowValidator
    ) -> UniqueIndexes | None:
        """Return the unique indexes, if the toolkit must validate them here."""
        if not self.store.needs_unique_checks:
            return None
        entry = self.store.catalog.last_entry(meta.db_table)
        uniques = UniqueIndexes(self.store, meta.model, entry["indexes"])
        uniques.restrict({field.column for field in (*values, *validator.generated)})
        return uniques if uniques.indexes else None

    def unique_key(self, meta: Any, values: dict, uniques: UniqueIndexes) -> Any:
        """Return the stored key of an UPDATE of one row by plain unique values.

        Return None for any other UPDATE: its rows must be read to validate them.
        """
        if not self.store.features.supports_transactions or meta.pk in values:
            return None
        if any(hasattr(value, "as_sql") for value in values.values()):
            return None
        columns = {field.column for field in values}
        if not all(index.columns <= columns for index in uniques.indexes):
            return None
        node = only_child(self.query.where)
        return self.key_of(node, meta)

    def update_one(
        self, scan: NonrelQuery, values: dict, uniques: UniqueIndexes, key: Any
    ) -> int | None:
        """Update the row of the scan, whose key this is.

        Return None, and change nothing, if its values may not be unique, if the table
        has other constraints than were read last, or if the store refuses.
        """
        written = self.written(values)
        asked = uniques.asked([inserts.without_missing(written)])
        lookups = [each.lookup for each in asked]
        table = uniques.meta.db_table
        if not self.store.catalog.look_up(table, lookups, reads_key=False):
            return None
        try:
            uniques.compare(asked, [key])
        except IntegrityError:
            return None  # it is none if there is no such row
        try:
            return scan.update(written)
        except NotSupportedError:
            return None

    def update_found(
        self,
        meta: Any,
        validator: RowValidator,
        values: dict,
        uniques: UniqueIndexes | None,
    ) -> int:
        """Find the keys of the matching rows and update these."""
        if self.changes_only_documents(values) and not (
            uniques or validator.generated or validator.constraints
        ):
            written = self.written(values)
            keys = [row[0] for row in self.select_keys(self.query)]
            if not keys:
                return 0
            query = self.query_class(self, [meta.pk])
            try:
                return query.update_rows([(key, written) for key in keys])
            except NotSupportedError:
                pass  # the new documents are computed here
        return self.update_computed(meta, validator, values, uniques)

    def changes_only_documents(self, values: dict) -> bool:
        """Return whether all expressions are changes of documents for `update_rows`."""
        expressions = [each for each in values.values() if hasattr(each, "as_sql")]
        return (
            self.query_class.changes_documents
            and bool(expressions)
            and all(getattr(each, "is_constant", False) for each in expressions)
        )

    def update_computed(
        self,
        meta: Any,
        validator: RowValidator,
        values: dict,
        uniques: UniqueIndexes | None,
    ) -> int:
        """Read the matching rows, compute and validate the new ones, write these."""
        if self.before is None and compares(self.store):
            return self.update_compared(meta, validator, values, uniques)
        if self.store.catalog:
            self.query_class(self, [meta.pk]).lock()
        expressions = {
            field: value for field, value in values.items() if hasattr(value, "as_sql")
        }
        others = validator.fields_to_read(values, uniques is not None)
        alias = self.query.get_initial_alias()
        columns = [field.get_col(alias) for field in others]
        computed = [typed(value, field) for field, value in expressions.items()]
        keys = []
        changes = []
        rows = []
        for key, *found in self.select_keys(self.query, [*computed, *columns]):
            unchanged = {
                field: field.get_db_prep_save(value, self.store)
                for field, value in zip(others, found[len(expressions) :], strict=True)
            }
            change = {f: v for f, v in values.items() if f not in expressions}
            for field, value in zip(expressions, found, strict=False):
                change[field] = self.prepared(field, value)
            keys.append(key)
            changes.append(change)
            rows.append({**unchanged, **change})
        return self.write_rows(
            meta, validator, set(values), uniques, keys, changes, rows
        )

    def update_compared(self, meta: Any, *arguments: Any) -> int:
        """Do update_computed(), again for rows that others change meanwhile."""
        rows = Rows(self.store, meta.model)
        count = 0
        try:
            for _ in range(MOST_ATTEMPTS):
                keys = [row[0] for row in self.select_keys(self.query)]
                self.before = {rows.key(row): row for row in rows.with_keys(keys)}
                self.changed = []
                count += self.update_computed(meta, *arguments) - len(self.changed)
                if not self.changed:
                    return count
                self.restrict(self.changed)
        finally:
            self.before = None
        raise OperationalError(
            f"Others have changed rows of {meta.db_table} {MOST_ATTEMPTS} times before "
            f"an UPDATE could write them. {count} rows are written."
        )

    def restrict(self, keys: list[Any]) -> None:
        """Restrict the query to the rows with these stored keys."""
        self.query = self.query.chain()
        self.query.add_filter("pk__in", self.python_keys(keys))

    def write_rows(
        self,
        meta: Any,
        validator: RowValidator,
        assigned: set,
        uniques: UniqueIndexes | None,
        keys: Sequence[Any],
        changes: Sequence[dict],
        rows: Sequence[dict],
    ) -> int:
        """Validate rows whose `assigned` fields have new values, and write these.

        `rows` have what `validator` and `uniques` need; each is, as its changes are,
        {field: value from get_db_prep_save()}. Return their number.
        """
        validator.complete(list(rows), assigned)
        for change, row in zip(changes, rows, strict=True):
            change |= {field: row[field] for field in validator.generated}
        written = list(zip(keys, map(self.written, changes), strict=True))
        if uniques:
            stored = map(inserts.without_missing, map(self.written, rows))
            uniques.validate(list(stored), keys)
        if written and uniques and not set(meta.pk_fields).isdisjoint(assigned):
            inserts.move(self.store, meta, written)
        elif written and self.before is None:
            self.query_class(self, [meta.pk]).update_rows(written)
        elif written:
            self.changed = self.changed_since(self.before or {}, meta, written)
        return len(written)

    def changed_since(self, before: dict, meta: Any, changes: Changes) -> list[Any]:
        """Write changes of rows that are as `before`; return the keys of the others."""
        columns = [each.column for each in meta.local_concrete_fields if each.column]
        known = [
            (key, {name: before[key].get(name, MISSING) for name in columns}, new)
            for key, new in changes
            if key in before
        ]
        unknown = [key for key, _ in changes if key not in before]
        return unknown + self.query_class(self, [meta.pk]).update_rows_if(known)

    def guarded(self, meta: Any, work: Callable[[list[Any] | None], int]) -> int:
        """Return `work(None)`, which writes rows that it has read before.

        Where statements are not atomic, a backend calls it again with the stored keys
        of the rows that others have changed meanwhile.
        """
        return work(None)

    # --- bulk_update() ---

    def values_by_key(self, values: dict) -> Changes | None:
        """Return the changes of each key of bulk_update()'s CASE pk WHEN …, or None."""
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
                    prepared = to_save(field, constant.value, self.store)
                else:
                    return None
                # SQL takes the first WHEN of a key.
                row = rows.setdefault(key, {})
                row.setdefault(field.column, self.stored(field, prepared))
        if not self.selects_keys(set(rows), meta):
            return None
        return list(rows.items())

    def key_of_when(self, when: When, meta: Any) -> Any:
        """Return the stored key of `WHEN pk = key`; None for another condition."""
        return self.key_of(only_child(when.condition), meta)

    def key_of(self, node: Any, meta: Any) -> Any:
        """Return the stored key of the condition `pk = key`; None for another."""
        if not isinstance(node, Exact) or type(node.lhs) is not Col:
            return None
        if node.lhs.target is not meta.pk or hasattr(node.rhs, "as_sql"):
            return None
        key = self.stored_key(meta, [node.rhs])
        return key if getattr(key, "__hash__", None) else None

    def selects_keys(self, keys: set, meta: Any) -> bool:
        """Return whether the WHERE is just `pk IN (keys)`."""
        node = only_child(self.query.where)
        if getattr(node, "lookup_name", "") != "in" or type(node.lhs) is not Col:
            return False
        if node.lhs.target is not meta.pk or not isinstance(
            node.rhs, (list, tuple, set)
        ):
            return False
        return {self.stored_key(meta, [key]) for key in node.rhs} == keys


def refuse_unsuited(field: Any, value: Any) -> None:
    """Raise FieldError, as Django does, for an expression that no UPDATE can assign."""
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


def is_resolved_case(value: Any) -> bool:
    """Return whether a value is bulk_update()'s CASE, which Django has resolved.

    To do it again would take as long as the UPDATE of its rows.
    """
    return (
        type(value) is Case
        and value.default == Value(None)
        and all(
            type(when) is When
            and type(when.condition) is WhereNode
            and type(when.result) is Value
            for when in value.cases
        )
    )


def is_key(expression: Any, meta: Any) -> bool:
    """Return whether an expression is the primary key of the query's own table."""
    is_pairs = isinstance(expression, ColPairs)
    columns = expression.get_cols() if is_pairs else [expression]
    return [getattr(each, "target", None) for each in columns] == list(meta.pk_fields)


def only_child(node: Any) -> Any:
    """Return the one lookup of a WHERE tree; None if it has several or a NOT."""
    while isinstance(node, WhereNode):
        if node.negated or len(node.children) != 1:
            return None
        (node,) = node.children
    return node
