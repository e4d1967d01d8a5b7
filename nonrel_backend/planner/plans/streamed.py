"""One table, whose residual filter and expressions run locally, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from ...local.load import Insert, Reads, local_rows
from ...query import CHUNK
from ..scans import new_query, push
from ..table_refs import TableRef
from ..table_scan import Steps
from .base import Plan, Row, joined
from .local import LocalPlan, residual_text
from .native import sliced

# The first batch is small, for who wants few rows; each next one is larger, up to 4
# chunks of a scan.
FIRST_BATCH, GROWTH = 100, 4


@dataclass
class StreamedPlan(Plan):
    """The statement, run in the local engine on one batch of rows after the other."""

    store: Any
    sql: str
    params: tuple[Any, ...]
    ref: TableRef
    # The plan for a statement whose text names other tables too.
    otherwise: LocalPlan
    low: int = 0
    high: int | None = None
    lock: bool = False
    steps: Steps = field(default_factory=list)
    yields_python = False

    def chunks(self) -> Iterator[list[Row]]:
        engine = self.store.local_engine
        table = engine.table(self.ref.meta)
        reads = self.columns_read(engine, table)
        if set(reads) != {table.name}:
            chunks = self.otherwise.chunks()
            self.steps += self.otherwise.steps
            yield from chunks
            return
        columns = list(reads[table.name]) or [self.ref.meta.pk_fields[0].column]
        fields = [table.fields[column] for column in columns]
        query = new_query(self.store, self.ref.meta.model, fields)
        push(query, self.ref.conditions)
        if self.lock:
            query.lock()
        self.steps.append(query.describe)
        source = chain.from_iterable(local_rows(query, fields, self.store.timezone))
        answers = (
            engine.run(
                self.sql,
                self.params,
                {table.name: table},
                lambda reads, insert, rows=batch: insert(table.name, columns, rows),
            )
            for batch in growing_batches(source)
        )
        yield from sliced(answers, self.low, self.high)

    def columns_read(self, engine: Any, table: Any) -> Reads:
        """Return {table: columns} that the statement reads; it runs over no rows."""
        found: Reads = {}

        def load(reads: Reads, insert: Insert) -> None:
            found.update(reads)

        engine.run(self.sql, self.params, {table.name: table}, load)
        return found

    def text(self) -> str:
        return "; ".join([joined(self.steps), "finished locally, in batches"])

    def explain(self, analyze: bool) -> list[str]:
        if analyze:
            self.lock = self.otherwise.lock = False
            list(self.chunks())
        query = new_query(self.store, self.ref.meta.model, self.ref.meta.pk_fields)
        residual = residual_text(query, self.ref.conditions)
        query.analyze = analyze
        return [
            f"local, in batches{self.because()}",
            f"scan: {query.explain()}{residual}",
            f"locally, in batches: {self.sql % tuple(map(repr, self.params))}",
        ]


def growing_batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield small batches first, then fewer and larger ones."""
    size = FIRST_BATCH
    while batch := list(islice(rows, size)):
        yield batch
        size = min(size * GROWTH, GROWTH * CHUNK)
