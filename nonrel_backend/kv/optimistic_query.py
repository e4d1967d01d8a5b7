"""OptimisticQuery: a scan whose rows are locked by conditions of the commit."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import NotSupportedError

from ..query import safe_call
from .access import ReadAccess
from .access_paths import Ordering, by_column, match_keys
from .conditional import Predicates
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
    # Whether what is written must satisfy `required` in one request: see the
    # compilers.
    is_conditional = False
    required: Predicates | None = ()

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
        if done is not None:
            return int(done)
        self.refuse_conditional()
        return super().update(values)

    @safe_call
    def delete(self) -> int:
        found = self.one_row()
        done = None
        if found is not None and self.required is not None:
            done = self.connection.records.delete_row(*found, self.required)
        if done is not None:
            return int(done)
        self.refuse_conditional()
        return super().delete()

    def refuse_conditional(self) -> None:
        if self.is_conditional:
            raise NotSupportedError(self.refusal("check the condition by itself"))

    def one_row(self) -> tuple[Table, bytes] | None:
        """Return the table and the key of the row to be written, if it is only one.

        Return None for other writes, and inside a transaction.
        """
        store = self.connection
        if store.transaction is not None or not self.predicates:
            return None
        table = store.catalog.table(self.table)
        if table.primary.truncated:
            return None
        found = match_keys(table, by_column(self.predicates))
        if found is None or len(found.ranges) != 1:
            return None
        if len(found.satisfied) != len(self.predicates):
            return None
        return table, found.ranges[0][0]

    def updated_directly(self, values: dict[str, Any]) -> bool | None:
        """Update the row with a key in one request; return whether there is one.

        Return None where the row must be read, and inside a transaction.
        """
        found = self.one_row()
        if found is None or self.required is None:
            return None
        table, key = found
        if not table.indexed.isdisjoint(values):
            return None
        assigned: dict[str, Any] = {}
        for column, value in values.items():
            if hasattr(value, "as_sql"):
                amount = self.increment(column, value)
                if amount is None:
                    return None
                value = Increment(amount)
            assigned[column] = JSON_NULL if value is None else value
        done: bool | None = self.connection.records.update_row(
            table, key, assigned, self.required
        )
        return done
