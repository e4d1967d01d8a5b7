"""The least or greatest value of each row's related ones, by a walk from that end."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ...conditions import Column, Leaf
from ...query import CHUNK, NonrelQuery
from ..refusal import FallbackRequired
from ..scans import key_batches, new_query, push, python_rows, require_filters
from ..table_scan import Steps, order
from .base import Row
from .related_groups import RelatedAggregates, RelatedGroupsPlan

# So many rows are walked at the most: then all are read.
MOST_WALKED = 20_000
# The size of the first batch of them, and by how much each next one is larger.
FIRST_BATCH, GROWTH = 64, 4


@dataclass(kw_only=True)
class RelatedExtremes(RelatedAggregates):
    """The least or greatest value, by key, of a table behind a table of links."""

    # The key of the links to the table of values, and the column of these.
    far_key: Any
    value: Any
    greatest: bool = False

    @property
    def fields(self) -> list[Any]:
        """The columns of the walk: key and value."""
        return [self.value.model._meta.pk, self.value]

    def walk(self) -> NonrelQuery:
        """Return the scan from that end; raise Refused if the store orders no such."""
        query = new_query(self.store, self.value.model, self.fields)
        column = Column(self.value.column, self.store.type_of(self.value))
        require_filters(query, [Leaf(column, "isnull", False)])
        order(query, [(column, not self.greatest)])
        return query

    def of(self, keys: list[Any], steps: Steps) -> dict[Any, Row]:
        """Return {key: [value]} of the keys that have related values.

        Raise FallbackRequired where the walk would be too long.
        """
        query = self.walk()
        steps.append(query.describe)
        rows = chain.from_iterable(python_rows(query, self.fields, 0, None))
        found: dict[Any, Row] = {}
        missing, walked, size = set(keys), 0, FIRST_BATCH
        while missing and (values := dict(islice(rows, size))):
            walked += len(values)
            if walked > MOST_WALKED:
                raise FallbackRequired(f"{MOST_WALKED} rows do not tell")
            best = self.best(values, missing)
            found.update({key: [value] for key, value in best.items()})
            missing -= best.keys()
            size *= GROWTH
        return found

    def best(self, values: dict[Any, Any], wanted: set[Any]) -> dict[Any, Any]:
        """Return, for each key wanted, the least or greatest of its values in these."""
        choose = max if self.greatest else min
        best: dict[Any, Any] = {}
        column = Column(self.far_key.column, self.store.type_of(self.far_key))
        for condition in key_batches(Leaf(column, "in", list(values))):
            links = new_query(self.store, self.model, [self.key, self.far_key])
            push(links, [condition])
            for chunk in python_rows(links, [self.key, self.far_key], 0, None):
                for key, far in chunk:
                    if key in wanted and far in values:
                        value = values[far]
                        best[key] = choose(best.get(key, value), value)
        return best


@dataclass
class RelatedExtremesPlan(RelatedGroupsPlan):
    """The base's rows, each beside the least or greatest of its related values."""

    def chunks(self) -> Iterator[list[Row]]:
        query = self.scan.open(self.steps)
        if query is None:
            return
        self.steps.append(query.describe)
        chunks = python_rows(query, self.scan.fields, self.low, self.high)
        rows = list(islice(chain.from_iterable(chunks), CHUNK))
        if len(rows) == CHUNK:
            raise FallbackRequired(f"there are {CHUNK} rows or more")
        keys = [row[self.key_index] for row in rows]
        yield self.beside(rows, self.groups.of(keys, self.steps))

    def explain(self, analyze: bool) -> list[str]:
        *lines, _ = super().explain(analyze)
        groups: Any = self.groups
        return [*lines, f"then: {groups.walk().explain()} until each has a value"]
