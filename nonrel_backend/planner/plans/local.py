"""Scans, restricted as far as the store can, finished in the local engine."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ...conditions import Condition, Leaf
from ...local.load import Insert, Reads, RowLimit, local_rows
from ...local.table_source import TableSource
from ...query import NonrelQuery
from ...values.saving import of_filter
from ..refusal import FallbackRequired
from ..scans import key_batches, new_query, push, refusal
from ..table_refs import JoinEdge, TableRef
from ..table_scan import MAX_KEYS, Steps
from .base import Plan, Row, joined

# The keys of a restricted scan cost as much as one class of lookups more for each of
# these: see LOOKUP_COSTS.
KEYS_PER_COST = 1_000


@dataclass
class LocalPlan(Plan):
    """The statement, run in the local engine over the rows of scans."""

    store: Any
    sql: str
    params: tuple[Any, ...]
    refs: list[TableRef]
    edges: list[JoinEdge]
    lock: bool = False
    steps: Steps = field(default_factory=list)
    # The name of a scan that read many rows, if the plan is to answer from a cached
    # table or not at all: then it raises FallbackRequired.
    cached_as: str = ""
    yields_python = False
    # What explain() calls it.
    name = "local"

    def chunks(self) -> Iterator[list[Row]]:
        engine = self.store.local_engine
        tables = {ref.table: self.table(ref) for ref in self.refs}
        limit = RowLimit(self.store)

        def load(reads: Reads, insert: Insert) -> None:
            Loading(self, limit, reads, insert).run()

        rows = engine.run(self.sql, self.params, tables, load)
        limit.tell(lambda: f"{self.text()}{self.because()}")
        self.steps.append(lambda: f"{limit.rows} rows loaded")
        return iter([rows] if rows else [])

    def table(self, ref: TableRef) -> Any:
        """Return the table that a scan fills."""
        return self.store.local_engine.table(ref.meta)

    def scan(
        self, ref: TableRef, fields: list[Any], conditions: Iterable[Condition]
    ) -> tuple[NonrelQuery, Iterator[list[Row]]]:
        """Return a scan, and its rows of SQLite values in chunks."""
        query = new_query(self.store, ref.meta.model, fields)
        push(query, conditions)
        if self.lock and ref is self.refs[0]:
            query.lock()
        return query, local_rows(query, fields, self.store.timezone)

    def is_kept(self, ref: TableRef) -> bool:
        """Return whether a kept table may serve in the place of the scan."""
        return not self.lock

    def text(self) -> str:
        return "; ".join([joined(self.steps), "finished locally"])

    def explain(self, analyze: bool) -> list[str]:
        if analyze:
            self.lock = False
            list(self.chunks())
            *scans, rows = [step() for step in self.steps]
            lines = [*(f"scan: {scan}" for scan in scans), f"scan: {rows}"]
        else:
            lines = [f"scan: {line}" for line in self.scans_planned()]
        return [
            f"{self.name}{self.because()}",
            *lines,
            f"locally: {self.sql % tuple(map(repr, self.params))}",
        ]

    def scans_planned(self) -> Iterator[str]:
        """Yield each scan, the cheapest first, with the keys that may restrict it."""
        for ref in sorted(self.refs, key=TableRef.cost):
            query, residual = self.planned(ref)
            keys = {
                f"{edge.target_column} IN (keys of {edge.source.alias})"
                for edge in self.edges
                if edge.target is ref
            }
            restricted = f" where {' or '.join(sorted(keys))}" if keys else ""
            rows = query.about_rows()
            number = "" if rows is None else f" of about {rows} rows"
            yield query.describe() + number + restricted + residual

    def planned(self, ref: TableRef) -> tuple[NonrelQuery, str]:
        """Return a scan for explain(), and what is left to the engine."""
        query = new_query(self.store, ref.meta.model, ref.meta.pk_fields)
        return query, residual_text(query, ref.conditions)


class Loading:
    """One run of a local plan: its scans, each restricted by the keys found before."""

    def __init__(
        self, plan: LocalPlan, limit: RowLimit, reads: Reads, insert: Insert
    ) -> None:
        self.plan = plan
        self.limit = limit
        # The columns that the statement reads, and what fills the engine's tables.
        self.reads, self.insert = reads, insert
        self.store = plan.store
        self.engine = plan.store.local_engine
        # Tables that are loaded as a whole.
        self.loaded: set[str] = set()
        # Scans whose keys restrict others: they have conditions of their own.
        self.restricted: set[int] = set()
        # The keys found so far, by scan and column.
        self.keys: dict[tuple[int, str], dict[Any, None]] = {}
        # The tables of which rows are loaded.
        self.begun: set[str] = set()

    def run(self) -> None:
        """Fill the engine's tables, by the cheapest scan first."""
        waiting = list(self.plan.refs)
        named = {ref.table for ref in waiting}
        while waiting:
            ref = min(waiting, key=self.cost)
            waiting.remove(ref)
            self.scan(ref, waiting)
        for table in self.reads:
            if table not in named:  # a table that only the text names
                meta = self.engine.known_table(table).meta
                self.scan(TableRef(table, meta, True), [])

    def cost(self, ref: TableRef) -> float:
        """Return the cost of a scan with the keys that are there by now."""
        restricted = [
            1 + len(self.keys[id(edge.source), edge.source_column]) / KEYS_PER_COST
            for edge in self.plan.edges
            if edge.target is ref and (id(edge.source), edge.source_column) in self.keys
        ]
        return min([ref.cost(), *restricted])

    def scan(self, ref: TableRef, waiting: list[TableRef]) -> None:
        """Load the rows of one table, unless they are all there."""
        if ref.table in self.loaded:
            return
        conditions = [*ref.conditions, *self.key_conditions(ref)]
        if conditions:
            self.restricted.add(id(ref))
        is_shared = sum(each.table == ref.table for each in self.plan.refs) > 1
        table = self.plan.table(ref)
        wanted = [
            edge.source_column
            for edge in self.plan.edges
            if edge.source is ref and edge.target in waiting
        ]
        # A store that does not take an IN finds the same rows by each of its batches.
        may_repeat = is_shared or any(map(is_long, conditions))
        keys = [each.column for each in ref.meta.pk_fields]
        has_keys = table.fields.keys() >= {*keys}  # groups have none, and do not repeat
        identity = keys if may_repeat and has_keys else []
        read = list(self.reads[ref.table]) or [ref.meta.pk_fields[0].column]
        columns = list(dict.fromkeys([*read, *wanted, *identity]))
        if not conditions:
            self.loaded.add(ref.table)
        # A scan that restricts others has to be read by its own conditions.
        is_part = bool(conditions or self.plan.cached_as)
        if not (conditions and wanted or ref.table in self.begun) and self.from_cache(
            ref, table, columns, is_part
        ):
            self.loaded.add(ref.table)
            return
        if self.plan.cached_as:
            raise FallbackRequired(f"{ref.table} is not cached")
        before = self.limit.rows
        self.read(ref, table, columns, conditions, wanted, identity)
        if conditions:
            self.engine.cache.note_part(
                self.plan.sql, ref.table, self.limit.rows - before
            )

    def read(
        self,
        ref: TableRef,
        table: Any,
        columns: list[str],
        conditions: list[Condition],
        wanted: list[str],
        identity: list[str],
    ) -> None:
        """Read the rows from the store, in batches where there is a long IN.

        Rows of the same `identity`, which several scans find, are loaded once.
        """
        self.begun.add(ref.table)
        fields = [table.fields[column] for column in columns]
        long_in = next((each for each in conditions if is_long(each)), None)
        plain = [each for each in conditions if each is not long_in]
        for batch in key_batches(long_in) if long_in is not None else [None]:
            pushed = plain if batch is None else [batch, *plain]
            query, rows = self.plan.scan(ref, fields, pushed)
            chunks = self.limit.counted(rows, query)
            found = chain.from_iterable(self.collected(chunks, ref, columns, wanted))
            self.insert(ref.table, columns, found, identity)
            self.plan.steps.append(query.describe)

    def from_cache(
        self, ref: TableRef, table: Any, columns: list[str], is_part: bool
    ) -> bool:
        """Fill the table from the cache; return whether it could be, and is cheaper."""
        if not self.plan.is_kept(ref):
            return False
        source = TableSource(self.store, table, None if is_part else self.limit)
        version = source.query.version()
        if version is None:
            return False
        cache = self.engine.cache
        statement = self.plan.cached_as or self.plan.sql
        if is_part and not cache.pays(statement, source, columns, version):
            return False
        before = self.limit.rows
        rows = cache.fill(source, columns, version)
        if not is_part:
            self.limit.add(before + rows - self.limit.rows, source.query)
        self.plan.steps.append(source.query.describe)
        return True

    def collected(
        self,
        chunks: Iterable[list[Row]],
        ref: TableRef,
        columns: list[str],
        wanted: list[str],
    ) -> Iterator[list[Row]]:
        """Yield the chunks; collect the keys that other scans want, if few."""
        sinks = [
            (columns.index(column), self.keys.setdefault((id(ref), column), {}))
            for column in wanted
        ]
        for chunk in chunks:
            for index, keys in sinks:
                if len(keys) <= MAX_KEYS:
                    keys.update(dict.fromkeys([row[index] for row in chunk]))
            yield chunk

    def key_conditions(self, ref: TableRef) -> list[Condition]:
        """Return the conditions that the keys found so far put on a scan."""
        found: list[Condition] = []
        for edge in self.plan.edges:
            keys = self.keys.get((id(edge.source), edge.source_column))
            if edge.target is not ref or keys is None or len(keys) > MAX_KEYS:
                continue
            if id(edge.source) not in self.restricted:
                continue  # the keys of a whole table restrict nothing
            key_field = self.plan.table(ref).fields[edge.target_column.name]
            values = []
            for key in keys:
                # Text of a generic relation may be no key of this table.
                with suppress(ValueError, ArithmeticError):
                    if key is not None:
                        key = self.engine.from_local(key_field, key)
                        values.append(of_filter(key_field, key, self.store))
            found.append(Leaf(edge.target_column, "in", values))
        return found


def residual_text(query: NonrelQuery, conditions: list[Condition]) -> str:
    """Give the conditions to a scan; return which are left to the engine, and why."""
    left = [
        f"{condition} locally, because {reason}"
        for condition in conditions
        if (reason := refusal(query, condition)) is not None
    ]
    return f"; {'; '.join(left)}" if left else ""


def is_long(condition: Condition) -> bool:
    """Return whether a condition is an IN of several batches."""
    return len(list(key_batches(condition))) > 1
