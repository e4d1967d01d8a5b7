"""The scans that are aggregations: groups, their first rows, orders by expressions."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from ..query import CHUNK, Grouping, NonrelQuery, safe_call
from .aggregation import Pipeline
from .first_rows import FirstRows
from .ranking import Ranking
from .reading import drained

# Documents in a batch of a whole scan. The server's default first batch of 101 makes
# one more round trip for every scan that is longer.
BATCH_SIZE = 5_000


class AggregatingMixin(NonrelQuery):
    """The part of a scan that asks for an aggregation."""

    pipeline: Pipeline | None = None
    first_rows: FirstRows | None = None
    ranking: Ranking | None = None
    filter: Any
    collection: Any
    sort: list[tuple[str, int]]
    require_one_command: Any

    def stages(self) -> list[dict[str, Any]] | None:
        """Return the stages of the aggregation that the scan is, None of a find()."""
        if self.ranking is not None:
            return self.ranking.stages(self.filter)
        if self.first_rows is not None:
            return self.first_rows.stages(self, 0, None)
        return None if self.pipeline is None else self.pipeline.stages(self.filter)

    def group(self, grouping: Grouping) -> None:
        self.require_one_command("group")
        self.pipeline = Pipeline(grouping, self)

    @safe_call
    def groups(self) -> Iterator[list]:
        assert self.pipeline is not None
        stages = self.stages()
        documents = self.connection.statement(
            lambda session: self.collection.aggregate(
                stages, session=session, allowDiskUse=True, batchSize=BATCH_SIZE
            )
        )
        first = list(islice(documents, 1))
        if not first:
            self.connection.require_table(self.table)
        others = chain.from_iterable(drained(documents, CHUNK))
        yield from self.pipeline.rows(chain(first, others))

    def first_of_each(
        self, keys: tuple[Any, ...], ordering: list[tuple[str, bool]]
    ) -> None:
        self.order_by(ordering)
        self.first_rows = FirstRows(keys, self.sort, self)
        self.sort = []

    def rank(self, expression: Any, ascending: bool) -> None:
        self.require_one_command("order")
        self.ranking = Ranking(expression, ascending, self)

    @safe_call
    def ranked(self, number: int) -> Iterator[tuple[Any, Any]]:
        stages = [*(self.stages() or []), {"$limit": number}]
        found = self.connection.statement(
            lambda session: self.collection.aggregate(
                stages, session=session, allowDiskUse=True
            )
        )
        return ((each["_id"], each.get("value")) for each in found)
