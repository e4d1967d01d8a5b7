"""Writes on a condition that the user sets: queryset.condition(Q(...))."""

from collections.abc import Collection, Container
from typing import Any, Self

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import (
    IntegrityError,
    NotSupportedError,
    connections,
    models,
    transaction,
)
from django.db.models.deletion import Collector
from django.db.models.sql.query import Query

from ..compiler import NonrelDeleteCompiler, NonrelUpdateCompiler
from ..dml.on_delete import referring
from ..planner.refusal import Refused
from ..planner.translate import Translator
from .compiler import SQLCompiler
from .optimistic import OptimisticWrapper
from .predicates import CompoundPredicate, Predicate, prepare


class ConditionFailed(IntegrityError):
    """A row that was to be written does not satisfy condition(): nothing is written."""


def required_of(query: Any) -> models.Q | None:
    """Return what condition() has required of the rows of a query, None for nothing."""
    found: models.Q | None = getattr(query, "required", None)
    return found


def require(model: Any, required: Any, keys: Collection, satisfied: Container) -> None:
    """Raise ConditionFailed if the rows with some keys do not satisfy a condition."""
    failed = [key for key in keys if key not in satisfied]
    if failed:
        raise ConditionFailed(
            f"{len(failed)} of {len(keys)} rows of {model._meta.label} do not satisfy "
            f"{required}; the first has the key {failed[0]!r}. Nothing was written."
        )


def predicate_of(
    store: Any, model: Any, wanted: models.Q
) -> Predicate | CompoundPredicate | None:
    """Return the predicate of a Q on rows of a model, None if there is none."""
    query = Query(model)
    query.add_q(wanted)
    translator = Translator(store, query.get_initial_alias())
    try:
        return prepare(translator.condition(query.where), store.forms)
    except (EmptyResultSet, FullResultSet, NotSupportedError, Refused):
        return None


class ConditionalMixin:
    """Writes on the condition of the query, a Q that all rows found must satisfy.

    One row with a key is written by one request, if that can have the condition. Else
    the rows are read in a transaction, and are still the same when that commits.
    """

    query: Any
    store: Any

    def native_query(self, query: Any) -> Any:
        scan = super().native_query(query)  # type: ignore[misc]
        required = required_of(query)
        if scan is not None and required is not None:
            found = predicate_of(self.store, query.model, required)
            scan.is_conditional = True
            scan.required = None if found is None else [found]
        return scan

    def finds_nothing(self) -> bool:
        """Return whether there are no rows to write, of a query with a condition.

        Restrict the query to the keys of the others. Raise ConditionFailed if one of
        them does not satisfy the condition.
        """
        required = required_of(self.query)
        if required is None:
            return False
        self.query = self.query.chain()
        self.query.required = None
        checked = self.query.chain()
        checked.add_q(required)
        keys, satisfied = (
            dict.fromkeys(row[0] for row in self.select_keys(each))  # type: ignore[attr-defined]
            for each in (self.query, checked)
        )
        require(self.query.model, required, keys, satisfied)
        if keys:
            self.query = self.query.chain()
            self.query.add_filter("pk__in", self.python_keys([*keys]))  # type: ignore[attr-defined]
        return not keys


class ConditionalUpdateCompiler(ConditionalMixin, NonrelUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    def values_by_key(self, values: dict[Any, Any]) -> Any:
        if required_of(self.query) is not None:
            return None
        return super().values_by_key(values)

    def update_found(self, *arguments: Any) -> int:
        return 0 if self.finds_nothing() else super().update_found(*arguments)


class ConditionalDeleteCompiler(ConditionalMixin, NonrelDeleteCompiler, SQLCompiler):  # type: ignore[misc]
    def delete_by(self, scan: Any) -> int:
        if required_of(self.query) is None or not referring(
            self.store, self.query.get_meta().concrete_model
        ):
            return super().delete_by(scan)
        delete = super().delete_by

        def work() -> int:
            return 0 if self.finds_nothing() else delete(None)

        count: int = self.store.all_or_nothing(work)
        return count

    def delete_found(self) -> int:
        return 0 if self.finds_nothing() else super().delete_found()


class ConditionalQuerySet(models.QuerySet):
    """A QuerySet whose writes may have a condition."""

    def condition(self, required: models.Q) -> Self:
        """Return the same rows, to be written only if all of them satisfy a condition.

        update(), delete() and save() of the QuerySet raise ConditionFailed if one does
        not when it is written, and write nothing. Of one row with a key it is the
        condition of the one request, where that can be exact.
        """
        self._for_write = True
        if not isinstance(connections[self.db], OptimisticWrapper):
            raise NotSupportedError(
                f"{self.db!r} has no conditions of writes: use select_for_update()."
            )
        found = self._chain()
        before = required_of(found.query)
        found.query.required = required if before is None else before & required
        return found

    def save(self, instance: models.Model, **options: Any) -> None:
        """Save an instance, whose row must satisfy the condition of the QuerySet."""
        required = required_of(self.query)

        def do_update(base_qs: Any, *arguments: Any, **named: Any) -> Any:
            if base_qs.model._meta.concrete_model is self.model._meta.concrete_model:
                base_qs.query.required = required
            return type(instance)._do_update(instance, base_qs, *arguments, **named)

        instance._do_update = do_update
        try:
            instance.save(force_update=True, using=self.db, **options)
        finally:
            del instance._do_update

    def delete(self) -> tuple[int, dict[str, int]]:
        required = required_of(self.query)
        if required is None:
            return super().delete()
        self._not_support_combined_queries("delete")
        if self.query.is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with delete().")
        found = self._chain()
        if Collector(using=self.db, origin=self).can_fast_delete(found):
            count: int = found._raw_delete(self.db)
            return count, {self.model._meta.label: count}
        found.query.required = None
        with transaction.atomic(self.db):
            keys = list(found.values_list("pk", flat=True))
            satisfied = found.filter(required).values_list("pk", flat=True)
            require(self.model, required, keys, set(satisfied))
            return self.model._base_manager.using(self.db).filter(pk__in=keys).delete()
