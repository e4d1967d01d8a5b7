"""Columns that are counters and sets of Riak's: objects beside those of the rows.

    bucket   NAME.table.column, of the type OPTIONS["counter_type"] or ["set_type"]
    key      the key of the row's object

The JSON of a row has no such column. What is not there counts 0, or is the empty set.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import NotSupportedError
from django.db.models.expressions import Col, Value

from .client import Refused, messages
from .client.client import Text, delete_request
from .objects import PAGE, Objects, pages
from .table import Row

# Of an addition to a counter.
SIGNS = {"+": 1, "-": -1}
# The operation that changes a value, None for none.
Operation = Callable[[Any], Any]


@dataclass(frozen=True)
class Change:
    """What is done to each of some values, which is read before where it `reads`."""

    operation: Operation
    reads: bool = True


@dataclass(frozen=True)
class DataColumn:
    """A column of one table, and how its values are read and changed."""

    table: str
    name: str
    bucket: bytes
    type: bytes
    option: ClassVar[str]
    datatype: ClassVar[bytes]

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    def fetch_request(self, key: Text) -> Any:
        return messages.DtFetchReq(bucket=self.bucket, key=key, type=self.type)

    def update_request(self, key: bytes, operation: Any, context: Any) -> Any:
        return messages.DtUpdateReq(
            bucket=self.bucket,
            key=key,
            type=self.type,
            op=operation,
            context=context or None,
        )

    def delete_request(self, key: bytes) -> Any:
        return delete_request(self.bucket, key, type=self.type)

    def value(self, reply: Any) -> Any:
        """The stored value of a DtFetchResp."""
        raise NotImplementedError

    def to(self, stored: Any) -> Operation:
        """The operation that makes a value this one, None being what is not there."""
        raise NotImplementedError

    def change(self, value: Any, connection: Any) -> Change | None:
        """What an UPDATE does by this value; None for nothing."""
        raise NotImplementedError


class Counter(DataColumn):
    option = "counter_type"
    datatype = b"counter"

    def value(self, reply):
        return reply.value.counter_value

    def to(self, stored):
        return lambda now: added((stored or 0) - now)

    def change(self, value, connection):
        amount = self.amount(value)
        if amount is None:
            raise NotSupportedError(
                f"{self} is a counter of Riak's, which cannot be set: add to it, "
                f'by update({self.name}=F("{self.name}") + 1).'
            )
        return Change(lambda now: added(amount), reads=False) if amount else None

    def amount(self, value: Any) -> int | None:
        """What is added, None where it is no addition to the column itself."""
        if isinstance(value, Col):
            return 0 if value.target.column == self.name else None
        sign = SIGNS.get(getattr(value, "connector", ""))
        if sign is None:
            return None
        rest, number = value.lhs, value.rhs
        if sign > 0 and isinstance(rest, Value):
            rest, number = number, rest
        before = self.amount(rest)
        if before is None or type(getattr(number, "value", None)) is not int:
            return None
        return before + sign * number.value


def added(amount: int) -> Any:
    if not amount:
        return None
    return messages.DtOp(counter_op=messages.CounterOp(increment=amount))


class Texts(DataColumn):
    """A set of texts, whose members are these."""

    option = "set_type"
    datatype = b"set"

    def encode(self, item: Any) -> bytes:
        return item.encode()

    def decode(self, member: bytes) -> Any:
        return member.decode()

    def value(self, reply):
        return list(map(self.decode, reply.value.set_value))

    def members(self, items: Iterable[Any]) -> set[bytes]:
        return set(map(self.encode, items))

    def to(self, stored):
        wanted = self.members(stored or ())

        def operation(now):
            known = self.members(now)
            return changed(wanted - known, known - wanted)

        return operation

    def change(self, value, connection):
        if not getattr(value, "is_constant", False):
            if hasattr(value, "as_sql"):
                raise NotSupportedError(
                    f"{self} is a set of Riak's: set it to a set, or change it by "
                    "AddToSet() or Pull()."
                )
            return Change(self.to(value.stored() if value is not None else ()))
        added, gone = set[bytes](), set[bytes]()
        for name, _, items in value.stored(connection):
            members = self.members(items)
            if name == "add_to_set":
                added, gone = added | members, gone - members
            else:
                added, gone = added - members, gone | members

        def operation(now):
            known = self.members(now)
            return changed(added - known, gone & known)

        return Change(operation)


class Values(Texts):
    """A set of values that are no texts, whose members are their JSON."""

    def encode(self, item):
        return json.dumps(item).encode()

    def decode(self, member):
        return json.loads(member)


def changed(adds: set[bytes], removes: set[bytes]) -> Any:
    if not (adds or removes):
        return None
    operation = messages.SetOp(adds=sorted(adds), removes=sorted(removes))
    return messages.DtOp(set_op=operation)


# By what the catalog says of a column.
KINDS: dict[str, type[DataColumn]] = {
    "counter": Counter,
    "texts": Texts,
    "values": Values,
}


# --- values of rows ---


def filled(objects: Objects, found: Iterable[Any], names: list[str]) -> Iterator[Any]:
    """The rows with the values of these columns, page by page."""
    columns = [objects.table.data[name] for name in names]
    for page in pages(found):
        for column in columns:
            replies = fetched(objects, column, [each.key for each in page])
            for each, reply in zip(page, replies, strict=True):
                each.row[column.name] = column.value(reply)
        yield from page


def fetched(objects: Objects, column: DataColumn, keys: list[bytes]) -> list[Any]:
    return answers(objects.client.ask_many(list(map(column.fetch_request, keys))))


def answers(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Refused):
            raise reply
    return replies


def begin(objects: Objects, rows: list[Row]) -> None:
    """Have the columns of new rows hold what the rows do, whatever was left there."""
    keys = list(map(objects.table.key_of, rows))
    for column in objects.table.data.values():
        operations = [column.to(row.get(column.name)) for row in rows]
        for page in pages(zip(keys, operations, strict=True)):
            write_page(objects, column, page, True)


def write(
    objects: Objects, column: DataColumn, change: Change, keys: list[bytes]
) -> None:
    """Make one change of the values of rows."""
    for page in pages((key, change.operation) for key in keys):
        write_page(objects, column, page, change.reads)


def write_page(
    objects: Objects,
    column: DataColumn,
    page: list[tuple[bytes, Operation]],
    reads: bool,
) -> None:
    keys = [key for key, _ in page]
    replies = fetched(objects, column, keys) if reads else [None] * len(page)
    requests = []
    for (key, operation), reply in zip(page, replies, strict=True):
        wanted = operation(None if reply is None else column.value(reply))
        if wanted is not None:
            context = None if reply is None else reply.context
            requests.append(column.update_request(key, wanted, context))
    if requests:
        answers(objects.client.tell_many(requests))


def remove(objects: Objects, keys: list[bytes]) -> None:
    """Delete the values of rows that are gone."""
    for column in objects.table.data.values():
        answers(objects.client.tell_many(list(map(column.delete_request, keys))))


def clear(objects: Objects, column: DataColumn) -> None:
    """Delete all values of a column."""
    for page in pages(kept_keys(objects, column)):
        answers(objects.client.tell_many(list(map(column.delete_request, page))))


def kept_keys(objects: Objects, column: DataColumn) -> Iterator[bytes]:
    """The keys of the rows of which a column has values."""
    for each in objects.client.fold(column.bucket, PAGE, type=column.type):
        if not all(content.deleted for content in each.object.content):
            yield each.key
