"""OptimisticQuery: a scan whose rows are locked by conditions of the commit."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..query import safe_call
from .access import ReadAccess
from .access_paths import Ordering
from .choice import single_key
from .forms import JSON_NULL
from .optimistic_access import OptimisticAccess
from .predicates import columns as columns_of
from .query import KeyValueQuery
from .scan import Scan
from .tables import Table


@dataclass(frozen=True, slots=True)
class Increment:
    """The new value of a column: the old one plus an amount, NULL if it was NULL."""

    amount: int


class OptimisticQuery(KeyValueQuery):
    """One scan of one table of a store with optimistic transactions."""

    # Whether the rows that are read must be unchanged when the transaction commits.
    locks_rows = False

    def lock(self) -> None:
        self.locks_rows = True

    def scan(
        self,
        access: ReadAccess,
        limit: int | None,
        ordered: bool = True,
        columns: list[str] | None = None,
    ) -> tuple[Table, Scan, Ordering]:
        assert isinstance(access, OptimisticAccess)
        access.locks |= self.locks_rows
        found = super().scan(access, limit, ordered, columns)
        table, scan, ordering = found
        access.filters = scan.choice.residual
        # A transaction remembers rows as a whole.
        if columns is not None and access.transaction is None:
            names = [*columns, *(column.name for column, _ in ordering), *table.key]
            tested = map(columns_of, scan.choice.residual)
            access.columns = frozenset(chain(names, *tested))
        return found

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
        done = self.updated_directly(values)
        return super().update(values) if done is None else int(done)

    def updated_directly(self, values: dict[str, Any]) -> bool | None:
        """Update the row with a key in one request; return whether there is one.

        Return None where the row must be read, and inside a transaction.
        """
        store = self.connection
        if store.transaction is not None or len(self.predicates) != 1:
            return None
        table = store.catalog.table(self.table)
        found = single_key(table, self.predicates[0])
        if found is None or not table.indexed.isdisjoint(values):
            return None
        assigned: dict[str, Any] = {}
        for column, value in values.items():
            if hasattr(value, "as_sql"):
                amount = self.increment(column, value)
                if amount is None:
                    return None
                value = Increment(amount)
            assigned[column] = JSON_NULL if value is None else value
        done: bool | None = store.records.update_row(
            table, found.ranges[0][0], assigned
        )
        return done
