"""DynamoStore: the items of a database, as the core of optimistic transactions asks.

A batch of writes is one TransactWriteItems; one row without entries is written by a
PutItem, UpdateItem or DeleteItem, which costs half. Each write of a row gives it a new
version. Records of large commits are items of `nonrel_commits`; see expressions.py for
the intents.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError
from django.db import NotSupportedError

from ..batching import batches
from ..kv.conditional import (
    ConditionalStore,
    Conflict,
    Expected,
    Predicates,
    State,
    Write,
)
from ..kv.parallel import each
from ..kv.tables import Index, Table
from .errors import (
    Unavailable,
    UnknownOutcome,
    code_of,
    is_repetition,
    is_size,
    reasons_of,
)
from .expressions import (
    ENTRY,
    PARTITION,
    delete_of,
    finishing,
    has_room,
    intent_request,
    request,
    settling,
    update_of,
    write_size,
)
from .filters import INTENT, VERSION, Expressions
from .items import Item
from .reading import MOST_KEYS, Reading

# The table of the records of large commits, with its prefix.
COMMITS_TABLE = "nonrel_commits"
FAILED = "ConditionalCheckFailedException"
# The same of one write in a transaction.
FAILED_REASON = "ConditionalCheckFailed"
# The operation of a single write, by its name in a transaction.
OPERATIONS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}
KINDS = {operation: kind for kind, operation in OPERATIONS.items()}
# Transactions of one commit at the same time.
PARALLEL_TRANSACTIONS = 4
# Seconds for a request that may be left undone.
HURRIED = 1.5
# Bytes of a version, which is a text of 8 characters: that two writes of one row have
# the same is not expected in 10**14 of them.
VERSION_BYTES = 6


class DynamoStore(Reading, ConditionalStore):
    """The items of a database's tables, and the entries of their indexes."""

    batch_writes = 100
    # Of the 4 MB that the items of a transaction may have (Amazon's documentation).
    batch_bytes = 3_500_000

    # --- writing ---

    def size(self, write: Write) -> int:
        return write_size(write)

    def place(self, write: Write) -> dict[str, Any]:
        """Return the parameters that name the table and the key of a write's item."""
        return self.place_of(write.table, write.index, write.key)

    def place_of(self, table: Any, index: Index, key: bytes) -> dict[str, Any]:
        if index is table.primary:
            return {"TableName": table.physical, "Key": table.native_key(key)}
        partition = table.partition(index, key)
        native = {PARTITION: {"S": partition}, ENTRY: {"B": key}}
        return {"TableName": self.index_table, "Key": native}

    def commit(self, writes: Sequence[Write]) -> None:
        version = token_urlsafe(VERSION_BYTES)
        requests = [request(each, self.place(each), version) for each in writes]
        if len(writes) == 1 and writes[0].is_row and writes[0].changes:
            kind, parameters = requests[0]
            self.carry_out(OPERATIONS[kind], writes, version, **parameters)
        else:
            self.transact([{kind: each} for kind, each in requests], writes, version)

    def transact(
        self, items: list[dict[str, Any]], writes: Sequence[Write], version: str
    ) -> None:
        """Carry out the requests of writes, all or none.

        DynamoDB knows it by its token if it comes again.
        """
        self.carry_out(
            "transact_write_items",
            writes,
            version,
            TransactItems=items,
            ClientRequestToken=str(uuid4()),
        )

    def carry_out(
        self, operation: str, writes: Sequence[Write], version: str, **parameters: Any
    ) -> None:
        """Send writes. Raise Conflict if the condition of one is not met."""
        try:
            self.call(operation, repeatable=True, **parameters)
        except ClientError as error:
            found = zip(writes, reasons_of(error), strict=False)
            failed = [write for write, reason in found if reason == FAILED_REASON]
            if code_of(error) == FAILED:
                failed = [writes[0]]
            if not failed:
                raise
            done = is_repetition(error) and self.were_done(writes, version)
            if done is None:
                raise unknown(failed[0].table) from error
            if not done:
                raise conflict(failed) from error

    def were_done(self, writes: Sequence[Write], version: str) -> bool | None:
        """Return whether writes whose first reply was lost were carried out.

        Return None if others have changed all of the rows since.
        """
        for write in writes:
            if write.is_row and write.changes:
                now = self.version_at(self.place(write))
                if now == version:
                    return True
                if write.before is None:
                    known = now is None and write.value is not None
                else:
                    known = now is not None and now == write.before.version
                if known:
                    return False
        return None

    def version_at(self, place: dict[str, Any], **more: Any) -> str | None:
        """Return the version of a row as it is now, None if it has none."""
        item = self.call("get_item", **place, ConsistentRead=True, **more).get("Item")
        found: str | None = (item or {}).get(VERSION, {}).get("S")
        return found

    def update_row(
        self,
        table: Any,
        key: bytes,
        values: dict[str, Any],
        required: Predicates = (),
    ) -> bool | None:
        if not table.is_possible(key):
            return False
        if any(
            isinstance(values[name], (dict, list))
            for name in table.ordered & values.keys()
        ):
            return None  # the order of its keys is beside that of others
        version, until = token_urlsafe(VERSION_BYTES), self.database.connection.until()
        place = self.place_of(table, table.primary, key)
        try:
            update = update_of(table, values, version, required)
        except NotSupportedError:
            return None
        try:
            self.call("update_item", repeatable=False, until=until, **place, **update)
        except ClientError as error:
            if code_of(error) != FAILED and not is_size(error):
                raise
            return None  # of a row that is read, an error can tell the size
        except UnknownOutcome:
            with suppress(Unavailable):
                if self.version_at(place, until=until) == version:
                    return True
            raise
        return True

    def delete_row(
        self, table: Any, key: bytes, required: Predicates = ()
    ) -> bool | None:
        if not table.is_possible(key):
            return False
        if not all(each.reads <= {*table.key} for each in table.indexes):
            return None
        place = self.place_of(table, table.primary, key)
        try:
            deletion = {**place, **delete_of(table, required)}
        except NotSupportedError:
            return None
        entries = [
            Write(table, found[0], name, Expected.ANYTHING, None, None)
            for found in table.entries_of(table.row_of(place["Key"]))
            for name, _ in [table.entry_key(found, key)]
        ]
        items = [{"Delete": deletion}]
        for entry in entries:
            items.append({"Delete": request(entry, self.place(entry), "")[1]})
        try:
            if entries:
                self.call("transact_write_items", TransactItems=items)
            else:
                self.call("delete_item", repeatable=False, **deletion)
        except ClientError as error:
            if code_of(error) != FAILED and FAILED_REASON not in reasons_of(error):
                raise
            if is_repetition(error):
                raise unknown(table) from error
            return None
        return True

    @contextmanager
    def hurried(self) -> Iterator[None]:
        client = self.database.connection
        deadline = client.deadline
        client.deadline = min(deadline, HURRIED)
        try:
            yield
        finally:
            client.deadline = deadline

    # --- commits that are larger than a batch ---

    @property
    def commits_table(self) -> str:
        name: str = self.database.physical(COMMITS_TABLE)
        return name

    def commits(self) -> list[tuple[str, State, float]]:
        parameters = {"TableName": self.commits_table}
        return [
            (item["id"]["S"], *record_of(item))
            for items in self.pages("scan", parameters)
            for item in items
        ]

    def record(self, commit: str) -> dict[str, Any]:
        return {"TableName": self.commits_table, "Key": {"id": {"S": commit}}}

    def begin(self, commit: str, until: float) -> None:
        found = Expressions()
        # A request that comes late, again, must not undo the decision.
        wanted = found.absent("id")
        self.did(
            "put_item",
            TableName=self.commits_table,
            Item={
                "id": {"S": commit},
                "state": {"S": State.PENDING.value},
                "until": {"N": repr(until)},
            },
            **found.parameters(ConditionExpression=wanted),
        )

    def extend(self, commit: str, until: float) -> None:
        if not self.change(commit, "until", {"N": repr(until)}):
            raise Conflict(f"The commit {commit} was ended by another transaction.")

    def change(self, commit: str, name: str, value: Any) -> bool:
        """Change a record if its commit is pending; return whether it was."""
        return self.did("update_item", **self.changing(commit, name, value))

    def changing(self, commit: str, name: str, value: Any) -> dict[str, Any]:
        """Return the parameters that change a record if its commit is pending."""
        found = Expressions()
        update = found.assignments({name: value}, [])
        wanted = found.equal("state", {"S": State.PENDING.value})
        return {
            **self.record(commit),
            **found.parameters(UpdateExpression=update, ConditionExpression=wanted),
        }

    def did(self, operation: str, **parameters: Any) -> bool:
        """Return whether the condition of a write was met, which may be repeated."""
        try:
            self.call(operation, repeatable=True, **parameters)
        except ClientError as error:
            if code_of(error) != FAILED:
                raise
            return False
        return True

    def decide(self, commit: str, state: State) -> State:
        if self.change(commit, "state", {"S": state.value}):
            return state
        try:
            found = self.state(commit)
        except Unavailable as error:
            raise UnknownOutcome(
                f"{error} Whether a transaction was committed is unknown."
            ) from error
        return State.ABORTED if found is None else found[0]

    def has_room(self, write: Write) -> bool:
        return has_room(write)

    def decide_with(self, commit: str, writes: Sequence[Write]) -> State:
        requests = [request(each, self.place(each), commit) for each in writes]
        items = [{kind: parameters} for kind, parameters in requests]
        record = self.changing(commit, "state", {"S": State.COMMITTED.value})
        try:
            self.transact([*items, {"Update": record}], writes, commit)
        except ClientError as error:
            if FAILED_REASON not in reasons_of(error):
                raise
            return self.decide(commit, State.ABORTED)
        return State.COMMITTED

    def state(self, commit: str) -> tuple[State, float] | None:
        reply = self.call("get_item", **self.record(commit), ConsistentRead=True)
        item = reply.get("Item")
        return record_of(item) if item else None

    def end(self, commit: str) -> None:
        self.call("delete_item", repeatable=True, **self.record(commit))

    def put_intents(self, commit: str, writes: Sequence[Write]) -> None:
        items = [
            {"Update": intent_request(write, self.place(write), commit)}
            for write in writes
        ]
        self.transact(items, writes, commit)

    def finish(
        self, commit: str, batches: Sequence[Sequence[Write]], state: State
    ) -> None:
        if state is not State.COMMITTED:
            super().finish(commit, batches, state)
            return
        work = partial(self.finish_batch, commit)
        for _ in each(work, batches, PARALLEL_TRANSACTIONS):
            pass

    def finish_batch(self, commit: str, writes: Sequence[Write]) -> None:
        items = [finishing(write, self.place(write), commit) for write in writes]
        try:
            self.call("transact_write_items", TransactItems=items)
        except ClientError:  # others have settled some of them, or they are too large
            super().finish(commit, [writes], State.COMMITTED)

    def settle(
        self, commit: str, items: Sequence[tuple[Table, Index, bytes]], state: State
    ) -> None:
        places = sorted(
            ((self.place_of(*item), key_names(*item)) for item in items),
            key=lambda found: found[0]["TableName"],
        )
        for table, same in groupby(places, lambda found: found[0]["TableName"]):
            for page in batches(same, MOST_KEYS):
                self.settle_page(commit, table, page, state is State.COMMITTED)

    def settle_page(
        self, commit: str, physical: str, page: list[Any], is_committed: bool
    ) -> None:
        """Settle items of one table; others may do so at the same time."""
        names = page[0][1]
        keys = [place["Key"] for place, _ in page]
        found = self.items(physical, keys, {}, consistent=True)
        requests = [
            settling(
                item,
                names,
                {"TableName": physical, "Key": {name: item[name] for name in names}},
                commit,
                is_committed,
            )
            for item in found
            if INTENT in item and item[INTENT]["M"]["t"] == {"S": commit}
        ]
        if not requests:
            return
        try:
            self.call(
                "transact_write_items",
                TransactItems=[{KINDS[kind]: found} for kind, found in requests],
            )
        except ClientError:  # another one is settling them, or they are too large
            for _ in each(lambda found: self.did(found[0], **found[1]), requests):
                pass


def record_of(item: Item) -> tuple[State, float]:
    """Return (state, until) of the item of a commit's record."""
    return State(item["state"]["S"]), float(item["until"]["N"])


def key_names(table: Any, index: Index, key: bytes) -> list[str]:
    """Return the attributes of the key of a row's or an entry's item."""
    return table.attributes if index is table.primary else [PARTITION, ENTRY]


def unknown(table: Table) -> UnknownOutcome:
    """Return the error for a write whose first reply was lost, and that was refused
    when it was sent again.
    """
    return UnknownOutcome(
        f"DynamoDB has not answered a write of rows of {table.name}, which have "
        "changed since: whether it was carried out is unknown. Read before you retry."
    )


def conflict(writes: list[Write]) -> Conflict:
    """Return the error for writes whose conditions are not met."""
    write = writes[0]
    table: Any = write.table
    if write.is_row:
        what = f"The row {table.shown(write.key)} of {table.name}"
    else:
        what = f"An entry of the index {write.index.name} of {table.name}"
    return Conflict(f"{what} was changed by another transaction.", writes)
