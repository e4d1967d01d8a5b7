"""DynamoDB's compilers: the core's, whose scans are BackendQueries."""

from typing import Any

from ..compiler import NonrelDeleteCompiler, NonrelUpdateCompiler
from ..dml.on_delete import referring
from ..kv.bulk import OptimisticInsertCompiler
from ..kv.compiler import SQLCompiler as KeyValueCompiler
from .errors import require
from .options import predicate_of
from .query import BackendQuery


class SQLCompiler(KeyValueCompiler):
    query_class = BackendQuery

    def execute_sql(self, *arguments: Any, **options: Any) -> Any:
        """Run a query; what is read eventually consistently is so from here on."""
        store = self.store
        before, store.reads_eventually = (
            store.reads_eventually,
            store.is_eventual(self.query),
        )
        try:
            return super().execute_sql(*arguments, **options)
        finally:
            store.reads_eventually = before


class ConditionalMixin:
    """Writes on the condition of the query, a Q that all rows found must satisfy.

    One row with a key is written by one request, if that can have the condition. Else
    the rows are read in a transaction, and are still the same when that commits.
    """

    query: Any
    store: Any

    def native_query(self, query: Any) -> Any:
        scan = super().native_query(query)  # type: ignore[misc]
        required = getattr(query, "required", None)
        if scan is not None and required is not None:
            found = predicate_of(self.store, query.model, required)
            scan.is_conditional = True
            scan.required = None if found is None else [found]
        return scan

    def restrict_to_required(self) -> bool:
        """Restrict the query to the keys of its rows; return whether there are any.

        Raise ConditionFailed if one of them does not satisfy the condition.
        """
        required, self.query = self.query.required, self.query.chain()
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
        return bool(keys)


class SQLUpdateCompiler(ConditionalMixin, NonrelUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    def values_by_key(self, values: dict[Any, Any]) -> Any:
        if getattr(self.query, "required", None) is not None:
            return None
        return super().values_by_key(values)

    def update_found(self, *arguments: Any) -> int:
        if getattr(self.query, "required", None) is not None:
            if not self.restrict_to_required():
                return 0
        return super().update_found(*arguments)


class SQLDeleteCompiler(ConditionalMixin, NonrelDeleteCompiler, SQLCompiler):  # type: ignore[misc]
    def delete_by(self, scan: Any) -> int:
        if getattr(self.query, "required", None) is None or not referring(
            self.store, self.query.get_meta().concrete_model
        ):
            return super().delete_by(scan)

        def work() -> int:
            is_any = self.restrict_to_required()
            return super(SQLDeleteCompiler, self).delete_by(None) if is_any else 0

        count: int = self.store.all_or_nothing(work)
        return count

    def delete_found(self) -> int:
        if getattr(self.query, "required", None) is not None:
            if not self.restrict_to_required():
                return 0
        return super().delete_found()


class SQLInsertCompiler(OptimisticInsertCompiler, SQLCompiler):  # type: ignore[misc]
    pass
