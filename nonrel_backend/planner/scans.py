"""Scans: one table read through the author's interface, as rows of Python values."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..conditions import Condition, Leaf, Node
from ..query import EXACT, INEXACT, Answer, NonrelQuery, Pushdown, ask
from .refusal import Refused

# How many keys one `IN` takes; more become more scans. It bounds the size of one
# command: 5,000 ObjectIds or UUIDs are some 100 kB.
IN_BATCH = 5_000


class ScanContext:
    """What a scan needs of its store and table, in the place of a whole compiler."""

    __slots__ = (
        "convert_value_for_db",
        "convert_value_from_db",
        "for_db_converter",
        "from_db_converter",
        "meta",
        "store",
    )

    def __init__(self, store: Any, meta: Any):
        self.store = store
        self.meta = meta
        values = store.ops.value_compiler
        self.convert_value_for_db = values.convert_value_for_db
        self.convert_value_from_db = values.convert_value_from_db
        self.for_db_converter = values.for_db_converter
        self.from_db_converter = values.from_db_converter

    @property
    def query(self) -> "ScanContext":
        """Itself: a scan asks a compiler's query for nothing but get_meta()."""
        return self

    def get_meta(self) -> Any:
        """Return the model options of the table."""
        return self.meta


def new_query(store: Any, model: Any, fields: Sequence[Any]) -> NonrelQuery:
    """Return a new scan of the model's own table."""
    query_class: type[NonrelQuery] = store.ops.query_class
    return query_class(ScanContext(store, model._meta), fields)


def push(query: NonrelQuery, conditions: Iterable[Condition]) -> list[Condition]:
    """Give the conditions to the scan; return those that it does not take exactly."""
    return [
        condition
        for condition in conditions
        if refusal_once(query, condition) is not None
    ]


def refusal(query: NonrelQuery, condition: Condition) -> str | None:
    """Give a condition to the scan; return why it does not take it exactly, or None."""
    return reason_of(query, condition, ask(query.add_filters, condition))


def reason_of(query: NonrelQuery, condition: Condition, answer: Answer) -> str | None:
    """Return why an answer is not exact, or None if it is."""
    if answer is EXACT:
        return None
    if answer is INEXACT:
        return query.refusal(f"filter exactly by {condition}")
    return answer.reason


def refusal_once(query: NonrelQuery, condition: Condition) -> str | None:
    """Return refusal(), for a new scan; what was refused is not asked again.

    That is remembered while a statement runs.
    """
    known: list[tuple[str, Condition, str]] = query.connection.refusals
    for table, refused, reason in known:
        if table == query.table and refused == condition:
            return reason
    answer = ask(query.add_filters, condition)
    if answer is EXACT:
        return None
    # Of an AND the scan may have taken a part.
    is_and = isinstance(condition, Node) and condition.connector == "AND"
    if answer.pushdown is Pushdown.UNSUPPORTED and not is_and:
        known.append((query.table, condition, answer.reason))
    return reason_of(query, condition, answer)


def require_filters(query: NonrelQuery, conditions: Iterable[Condition]) -> None:
    """Give the conditions to the scan; raise Refused for one not taken exactly."""
    for condition in conditions:
        if (reason := refusal_once(query, condition)) is not None:
            raise Refused(reason)


def python_rows(
    query: NonrelQuery,
    fields: list[Any],
    low: int,
    high: int | None,
    names: Iterable[str] = (),
) -> Iterator[list[list[Any]]]:
    """Return chunks of rows of Python values, one for each field, then each name."""
    converting = [
        (index, convert)
        for index, convert in enumerate(query.converters(fields))
        if convert is not None
    ]
    keys = [*[field.column for field in fields], *names]
    return query.fetch_converted(keys, [None] * len(keys), low, high, converting)


def key_batches(condition: Condition) -> Iterator[Condition]:
    """Yield the condition, or one for each batch of keys where it is a long IN."""
    if (
        isinstance(condition, Leaf)
        and condition.lookup_type == "in"
        and not condition.negated
        and len(condition.value) > IN_BATCH
    ):
        values = condition.value
        for start in range(0, len(values), IN_BATCH):
            yield Leaf(condition.column, "in", values[start : start + IN_BATCH])
    else:
        yield condition
