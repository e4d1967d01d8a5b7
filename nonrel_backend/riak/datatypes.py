"""Columns that are Riak counters and sets: objects beside those of the rows.

    bucket   NAME.table.column, of the type OPTIONS["counter_type"] or ["set_type"]
    key      the key of the row's object

The JSON of a row has no such column. A missing object is 0, or the empty set.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import DataError, NotSupportedError
from django.db.models.expressions import Col, Value

from ..values.storing import INT64
from .client import TooLarge, messages
from .client.client import Text, delete_request
from .objects import PAGE, Objects, answers, pages
from .tables import Row

SIGNS = {"+": 1, "-": -1}
# Returns the DtOp that changes a value, given the current one; None for no change.
Operation = Callable[[Any], Any]


@dataclass(frozen=True)
class Change:
    """A change of each of some values; it `reads` if it depends on the current ones."""

    operation: Operation
    reads: bool = True


@dataclass(frozen=True)
class DataColumn:
    """A column whose values are objects of their own: reads and changes them."""

    table: str
    name: str
    bucket: bytes
    type: bytes
    # The name of the bucket type among OPTIONS, its datatype, and that for users.
    option: ClassVar[str]
    datatype: ClassVar[bytes]
    label: ClassVar[str]

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
        """Return the stored value of a DtFetchResp."""
        raise NotImplementedError

    def to(self, stored: Any) -> Operation:
        """Return the operation that sets a value to this one; None is a missing one."""
        raise NotImplementedError

    def change(self, value: Any, connection: Any) -> Change | None:
        """Return the change of an UPDATE to this value, None if it changes nothing.

        Raise NotSupportedError if the data type does not have it.
        """
        raise NotImplementedError


class Counter(DataColumn):
    option = "counter_type"
    datatype = b"counter"
    label = "Riak counter"

    def value(self, reply: Any) -> Any:
        return reply.value.counter_value

    def to(self, stored: Any) -> Operation:
        return lambda now: added(self, (stored or 0) - now)

    def change(self, value: Any, connection: Any) -> Any:
        amount = self.amount(value)
        if amount is None:
            raise NotSupportedError(
                f"{self} is a Riak counter, which cannot be set. Add to it: "
                f'update({self.name}=F("{self.name}") + 1).'
            )
        return Change(lambda now: added(self, amount), reads=False) if amount else None

    def amount(self, value: Any) -> int | None:
        """Return the number added, None if it is not an addition to the column."""
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


def added(column: DataColumn, amount: int) -> Any:
    if not amount:
        return None
    if amount not in INT64:
        raise DataError(
            f"{column}: {amount} cannot be added to a Riak counter at once, since it "
            "does not fit into 64 bits."
        )
    return messages.DtOp(counter_op=messages.CounterOp(increment=amount))


class Texts(DataColumn):
    """A set of texts: each is a member."""

    option = "set_type"
    datatype = b"set"
    label = "Riak set"

    def encode(self, item: Any) -> bytes:
        return item.encode()

    def decode(self, member: bytes) -> Any:
        return member.decode()

    def value(self, reply: Any) -> Any:
        members = reply.value.set_value
        try:
            return list(map(self.decode, members))
        except ValueError as error:
            raise DataError(
                f"{self} has a member that cannot be read, which another client has "
                f"stored: {error}. The members are {list(members)}."
            ) from error

    def members(self, items: Iterable[Any]) -> set[bytes]:
        try:
            return set(map(self.encode, items))
        except ValueError as error:
            raise DataError(
                f"{self} cannot hold one of its members: {error}"
            ) from error

    def to(self, stored: Any) -> Operation:
        wanted = self.members(stored or ())

        def operation(now: Any) -> Any:
            known = self.members(now)
            return changed(wanted - known, known - wanted)

        return operation

    def change(self, value: Any, connection: Any) -> Any:
        if not getattr(value, "is_constant", False):
            if hasattr(value, "as_sql"):
                raise NotSupportedError(
                    f"{self} is a Riak set, which no expression can compute. Set it "
                    "to a set, or use AddToSet() or Pull()."
                )
            return Change(self.to(value.stored() if value is not None else ()))
        added, gone = set[bytes](), set[bytes]()
        for name, _, items in value.stored(connection):
            members = self.members(items)
            if name == "add_to_set":
                added, gone = added | members, gone - members
            else:
                added, gone = added - members, gone | members

        def operation(now: Any) -> Any:
            known = self.members(now)
            return changed(added - known, gone & known)

        return Change(operation)


class Values(Texts):
    """A set of other values: the JSON of each is a member."""

    def encode(self, item: Any) -> bytes:
        return json.dumps(item).encode()

    def decode(self, member: bytes) -> Any:
        return json.loads(member)


def changed(adds: set[bytes], removes: set[bytes]) -> Any:
    if not (adds or removes):
        return None
    operation = messages.SetOp(adds=sorted(adds), removes=sorted(removes))
    return messages.DtOp(set_op=operation)


# By the "data" of a column in the catalog.
KINDS: dict[str, type[DataColumn]] = {
    "counter": Counter,
    "texts": Texts,
    "values": Values,
}


# --- values of rows ---


def filled(objects: Objects, found: Iterable[Any], names: list[str]) -> Iterator[Any]:
    """Yield the rows with the values of these columns, read page by page."""
    columns = [objects.table.data[name] for name in names]
    for page in pages(found):
        for column in columns:
            replies = fetched(objects, column, [each.key for each in page])
            for each, reply in zip(page, replies, strict=True):
                each.row[column.name] = column.value(reply)
        yield from page


def fetched(objects: Objects, column: DataColumn, keys: list[bytes]) -> list[Any]:
    replies = objects.client.ask_many(list(map(column.fetch_request, keys)))
    for key, reply in zip(keys, replies, strict=True):
        if isinstance(reply, TooLarge):
            raise DataError(
                f"The value of {column} in the row {key.decode(errors='replace')} "
                "cannot be read: it passed 64 bits. Riak's counters have no limit. "
                "Subtract from it by update() with F(), or read the row with "
                f'defer("{column.name}").'
            )
    return answers(replies)


def begin(objects: Objects, rows: list[Row]) -> None:
    """Set the values of new rows, in place of any that a deleted row has left."""
    keys = list(map(objects.table.row_key, rows))
    for column in objects.table.data.values():
        operations = [column.to(row.get(column.name)) for row in rows]
        for page in pages(zip(keys, operations, strict=True)):
            write_page(objects, column, page, True)


def write(
    objects: Objects, column: DataColumn, change: Change, keys: list[bytes]
) -> None:
    """Change the values of the rows with these keys."""
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
    """Delete the values of deleted rows."""
    for column in objects.table.data.values():
        answers(objects.client.tell_many(list(map(column.delete_request, keys))))


def clear(objects: Objects, column: DataColumn) -> None:
    """Delete all values of a column."""
    for page in pages(stored_keys(objects, column)):
        answers(objects.client.tell_many(list(map(column.delete_request, page))))


def stored_keys(objects: Objects, column: DataColumn) -> Iterator[bytes]:
    """Yield the keys of the rows for which a column has values."""
    for each in objects.client.fold(column.bucket, PAGE, type=column.type):
        if not all(content.deleted for content in each.object.content):
            yield each.key
