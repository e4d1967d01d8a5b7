"""The plans: native, counted, grouped, local and streamed; each runs itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from ..conditions import Column, Condition, Leaf
from ..query import CHUNK
from .scans import Guard, key_batches, local_rows, new_query, push, python_rows
from .table_refs import Edge, Use

# Past so many keys a join's scan is cheaper without them.
MAX_KEYS = 20_000


@dataclass
class Stitch:
    """A to-one relation whose rows are fetched by key and put beside the base's."""

    alias: str
    parent_alias: str
    parent_column: str
    meta: Any
    column: Column
    conditions: list[Condition]
    required: bool
    # A to-many relation, which is only filtered by: never stitched on.
    many: bool = False
    fields: list = field(default_factory=list)


@dataclass
class NativePlan:
    """The store answers all, but for related rows stitched on by key."""

    store: Any
    scan: Any
    fields: list
    # For each value of a row: (alias or None for the base, index) or a constant.
    output: list
    low: int = 0
    high: int | None = None
    stitches: list[Stitch] = field(default_factory=list)
    base_alias: str = ""
    names: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    # The base's scan, once it is open.
    query: Any = None

    def chunks(self) -> Iterator[list]:
        """Chunks of rows of Python values."""
        query = self.query = self.scan.open(self.steps)
        if query is None:
            return
        width = len(self.fields) + len(self.names)
        plain = not self.stitches and self.output == list(range(width))
        if not self.stitches:
            for chunk in python_rows(
                self.query, self.fields, self.low, self.high, self.names
            ):
                yield chunk if plain else [self.row(base) for base in chunk]
            return
        yield from self.stitched_chunks()

    def row(self, base: list) -> list:
        return [base[item] if type(item) is int else item.value for item in self.output]

    def stitched_chunks(self) -> Iterator[list]:
        """Base rows with the limit natively; should one lack a required relation,
        the limits are counted here instead.
        """
        low, high = self.low, self.high
        limited = high is not None or low
        if limited and any(stitch.required for stitch in self.stitches):
            chunks = list(python_rows(self.query, self.fields, low, high))
            wanted = [self.stitch(chunk) for chunk in chunks]
            if sum(map(len, wanted)) == sum(map(len, chunks)):
                yield from wanted
                return
            every = python_rows(self.query, self.fields, 0, None)
            yield from sliced(map(self.stitch, every), low, high)
            return
        yield from filter(
            None, map(self.stitch, python_rows(self.query, self.fields, low, high))
        )

    def stitch(self, chunk: list[list]) -> list[list]:
        """The chunk's rows with those of the relations, in the order of output."""
        sides: list[dict[str, Any]] = [{self.base_alias: row} for row in chunk]
        columns = {self.base_alias: [each.column for each in self.fields]}
        for stitch in self.stitches:
            index = columns[stitch.parent_alias].index(stitch.parent_column)
            columns[stitch.alias] = [each.column for each in stitch.fields]
            keys = {
                side[stitch.parent_alias][index]: None
                for side in sides
                if side.get(stitch.parent_alias) is not None
            }
            keys.pop(None, None)
            rows = self.related(stitch, list(keys))
            kept = []
            for side in sides:
                parent = side.get(stitch.parent_alias)
                related = None if parent is None else rows.get(parent[index])
                if related is None and stitch.required:
                    continue
                side[stitch.alias] = related
                kept.append(side)
            sides = kept
        return [self.output_row(side) for side in sides]

    def related(self, stitch: Stitch, keys: list) -> dict[Any, list]:
        found: dict[Any, list] = {}
        if not keys:
            return found
        key_index = [each.column for each in stitch.fields].index(stitch.column.name)
        for condition in key_batches(Leaf(stitch.column, "in", keys)):
            query = new_query(self.store, stitch.meta.model, stitch.fields)
            push(query, [condition])  # the base's rows meet the stitch's own
            for chunk in python_rows(query, stitch.fields, 0, None):
                for row in chunk:
                    found[row[key_index]] = row
            self.steps.append(query.describe())
        return found

    def output_row(self, side: dict[str, list]) -> list:
        row = []
        for item in self.output:
            if isinstance(item, tuple):
                alias, index = item
                values = side[alias]
                row.append(None if values is None else values[index])
            else:
                row.append(item.value)
        return row

    def text(self) -> str:
        limits = f" rows {self.low} to {self.high}" if self.high is not None else ""
        lines = list(self.steps)
        if self.query is not None:
            lines.append(self.query.describe() + limits)
        lines += [
            f"then {stitch.meta.db_table} by {stitch.column.name} IN "
            f"(keys of {stitch.parent_alias}.{stitch.parent_column})"
            for stitch in self.stitches
        ]
        return "; ".join(lines)

    def explain(self) -> list[str]:
        query = self.scan.open(self.steps)
        if query is None:
            found = "nothing can match"
        else:
            query.limits = (self.low, self.high)
            found = query.explain()
        return [
            *(f"first: {step}" for step in self.steps),
            f"native: {found} rows {self.low} to {self.high or 'end'}",
            *(
                f"then: {stitch.meta.db_table} by {stitch.column.name} IN "
                f"(keys of {stitch.parent_alias}.{stitch.parent_column})"
                for stitch in self.stitches
            ),
        ]


@dataclass
class CountPlan:
    """One number, counted by the store."""

    scan: Any
    steps: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[list]:
        query = self.scan.open(self.steps)
        if query is not None:
            self.steps.append(f"count of {query.describe()}")
        yield [(0 if query is None else query.count(),)]

    def text(self) -> str:
        return "; ".join(self.steps)

    def explain(self) -> list[str]:
        query = self.scan.open(self.steps)
        found = "nothing can match" if query is None else query.explain()
        return [*self.steps, f"native count: {found}"]


@dataclass
class GroupPlan:
    """Grouped and aggregated by the store."""

    scan: Any
    grouping: Any
    steps: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[list]:
        query = self.scan.open(self.steps)
        if query is None:
            query = self.scan.nothing()
        self.steps.append(query.describe())
        yield list(query.groups())

    def text(self) -> str:
        return "; ".join(self.steps)

    def explain(self) -> list[str]:
        query = self.scan.open(self.steps)
        found = "nothing can match" if query is None else query.explain()
        return [*self.steps, f"native grouping: {found}"]


class Mistaken(Exception):
    """The rows are not what a plan takes for granted; nothing was handed out yet."""


class WithFallback:
    """A native plan that may prove Mistaken: the local engine answers then."""

    def __init__(self, plan, compiler):
        self.plan, self.compiler = plan, compiler

    def chunks(self) -> Iterator[list]:
        chunks = self.plan.chunks()
        try:
            first = next(chunks, None)
        except Mistaken:
            self.give_way()
            yield from self.plan.chunks()
            return
        if first is not None:
            yield first
            yield from chunks

    def give_way(self) -> None:
        self.compiler.native = False
        self.plan = self.compiler.plan_locally()

    def text(self) -> str:
        return self.plan.text()

    def explain(self) -> list[str]:
        try:
            return self.plan.explain()
        except Mistaken:
            self.give_way()
            return self.plan.explain()


@dataclass
class LocalPlan:
    """Scans, restricted as far as the store can, finished in the local engine."""

    store: Any
    sql: str
    params: tuple
    uses: list[Use]
    edges: list[Edge]
    lock: bool = False
    steps: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[list]:
        engine = self.store.local_engine
        tables = {use.table: engine.table(use.meta) for use in self.uses}
        rows = engine.run(self.sql, self.params, tables, self.load)
        if rows:
            yield rows

    def load(self, reads, insert) -> None:
        self.reads, self.insert = reads, insert
        self.guard = Guard(self.store)
        self.loaded: set[str] = set()
        self.narrowed: set[int] = set()
        self.keys: dict[tuple[int, str], dict] = {}
        self.seen: dict[str, set] = {}
        waiting = list(self.uses)
        named = {use.table for use in waiting}
        while waiting:
            use = min(waiting, key=self.cost)
            waiting.remove(use)
            self.scan(use, waiting)
        for table in reads:
            if table not in named:  # a table that only the text names
                meta = self.store.local_engine.known_table(table).meta
                self.scan(Use(table, meta, True), [])

    def cost(self, use: Use) -> float:
        restricted = [
            len(self.keys[id(edge.source), edge.source_column])
            for edge in self.edges
            if edge.target is use and (id(edge.source), edge.source_column) in self.keys
        ]
        own = use.cost()
        return min([own, *(1 + keys / 1000 for keys in restricted)])

    def scan(self, use: Use, waiting: list[Use]) -> None:
        if use.table in self.loaded:
            return
        conditions = [*use.conditions, *self.restrictions(use)]
        if conditions:
            self.narrowed.add(id(use))
        shared = sum(each.table == use.table for each in self.uses) > 1
        engine = self.store.local_engine
        table = engine.table(use.meta)
        columns = list(self.reads[use.table]) or [use.meta.pk.column]
        wanted = [
            edge.source_column
            for edge in self.edges
            if edge.source is use and edge.target in waiting
        ]
        identity = [each.column for each in use.meta.pk_fields]
        needed = [*columns, *wanted, *(identity if shared else ())]
        columns = list(dict.fromkeys(needed))
        fields = [table.fields[column] for column in columns]
        if not conditions:
            self.loaded.add(use.table)
        # What narrows other scans down has to be read by its own conditions.
        if not (conditions and wanted or use.table in self.seen) and self.kept(
            use, table, columns, bool(conditions)
        ):
            self.loaded.add(use.table)
            return
        before = self.guard.rows
        long_in = [each for each in conditions if _is_long(each)]
        splitting = long_in[0] if long_in else None
        plain = [each for each in conditions if each is not splitting]
        parts = key_batches(splitting) if splitting is not None else [None]
        for part in parts:
            query = new_query(self.store, use.meta.model, fields)
            push(query, plain if part is None else [part, *plain])
            if self.lock and use is self.uses[0]:
                query.lock()
            chunks = self.guard(local_rows(query, fields, self.store.timezone), query)
            chunks = self.watched(chunks, use, columns, wanted, shared)
            self.insert(use.table, columns, chain.from_iterable(chunks))
            self.steps.append(query.describe())
        if conditions:
            engine.kept.note_part(self.sql, use.table, self.guard.rows - before)

    def kept(self, use: Use, table, columns: list[str], narrowed: bool) -> bool:
        """Whether the whole table is, or can be, kept in the local engine, and, where
        only a part is needed, had better be.
        """

        def scan_of(names):
            fields = [table.fields[name] for name in names]
            return new_query(self.store, use.meta.model, fields), fields

        def read(names):
            scan, fields = scan_of(names)
            chunks = local_rows(scan, fields, self.store.timezone)
            return chunks if narrowed else self.guard(chunks, scan)

        query, _ = scan_of(columns)
        version = None if self.lock else query.version()
        if version is None:
            return False
        kept = self.store.local_engine.kept
        if narrowed and not kept.pays(self.sql, table, columns, version, query.count):
            return False
        before = self.guard.rows
        rows = kept.rows(table, columns, version, read)
        if not narrowed:
            self.guard.count(before + rows - self.guard.rows, query)
        self.steps.append(query.describe())
        return True

    def watched(self, chunks, use: Use, columns, wanted, shared):
        """Pass rows on, keeping their keys for other scans and out of doubles."""
        sinks = [
            (columns.index(column), self.keys.setdefault((id(use), column), {}))
            for column in wanted
        ]
        identity = [
            columns.index(each.column)
            for each in use.meta.pk_fields
            if each.column in columns
        ]
        seen = self.seen.setdefault(use.table, set())
        for chunk in chunks:
            for index, keys in sinks:
                keys.update(dict.fromkeys([row[index] for row in chunk]))
            if shared:
                chunk = list(unseen(chunk, identity, seen))
            yield chunk

    def restrictions(self, use: Use) -> list[Condition]:
        found: list[Condition] = []
        for edge in self.edges:
            keys = self.keys.get((id(edge.source), edge.source_column))
            if edge.target is not use or keys is None or len(keys) > MAX_KEYS:
                continue
            if id(edge.source) not in self.narrowed:
                continue  # the keys of a whole table narrow nothing down
            model_field = self.field(use.meta, edge.target_column.name)
            values = [
                self.python_value(model_field, key) for key in keys if key is not None
            ]
            found.append(Leaf(edge.target_column, "in", values))
        return found

    def field(self, meta, column: str):
        return self.store.local_engine.table(meta).fields[column]

    def python_value(self, model_field, key):
        return self.store.local_engine.from_local(model_field, key)

    def text(self) -> str:
        return "; ".join([*self.steps, "finished locally"])

    def params_text(self) -> tuple:
        return tuple(repr(each) for each in self.params)

    def explain(self) -> list[str]:
        list(self.chunks())
        return [
            *(f"scan: {step}" for step in self.steps),
            f"rows loaded: {self.guard.rows}",
            f"locally: {self.sql % self.params_text()}",
        ]


def unseen(rows: list, identity: list[int], seen: set) -> Iterator[list]:
    """The rows whose key was not seen before."""
    for row in rows:
        key = tuple(row[index] for index in identity)
        if key not in seen:
            seen.add(key)
            yield row


def _is_long(condition: Condition) -> bool:
    return len(list(key_batches(condition))) > 1


def sliced(chunks: Iterable[list], low: int, high: int | None) -> Iterator[list]:
    """The rows from low to high of all chunks, asking for no chunk beyond them."""
    skip, left = low, None if high is None else high - low
    if left == 0:
        return
    for rows in chunks:
        dropped, rows = min(skip, len(rows)), rows[skip:]
        skip -= dropped
        if left is not None:
            rows = rows[:left]
            left -= len(rows)
        if rows:
            yield rows
        if left == 0:
            return


def growing_batches(rows: Iterator[list]) -> Iterator[list]:
    """Small batches first, for who wants few rows; then fewer and larger ones."""
    size = 100
    while batch := list(islice(rows, size)):
        yield batch
        size = min(size * 4, 4 * CHUNK)


@dataclass
class StreamPlan:
    """One table whose residual filter runs locally, batch by batch."""

    store: Any
    sql: str
    params: tuple
    use: Use
    # The plan for a statement that turns out to read other tables too.
    otherwise: LocalPlan
    low: int = 0
    high: int | None = None
    lock: bool = False
    steps: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[list]:
        engine = self.store.local_engine
        table = engine.table(self.use.meta)
        reads: dict = {}

        def learn(found, insert):
            reads.update(found)

        engine.run(self.sql, self.params, {table.name: table}, learn)
        if set(reads) != {table.name}:
            yield from self.otherwise.chunks()
            self.steps += self.otherwise.steps
            return
        columns = list(reads[table.name]) or [self.use.meta.pk.column]
        fields = [table.fields[column] for column in columns]
        query = new_query(self.store, self.use.meta.model, fields)
        push(query, self.use.conditions)
        if self.lock:
            query.lock()
        self.steps.append(query.describe())
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

    def text(self) -> str:
        return "; ".join([*self.steps, "finished locally, in batches"])

    def explain(self) -> list[str]:
        list(self.chunks())
        params = tuple(map(repr, self.params))
        return [
            *(f"scan: {step}" for step in self.steps),
            f"locally, in batches: {self.sql % params}",
        ]
