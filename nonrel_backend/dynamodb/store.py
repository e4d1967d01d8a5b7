"""DynamoStore: the items of a database, as the core of optimistic transactions asks.

A batch of writes is one TransactWriteItems; one row without entries is written by a
PutItem, UpdateItem or DeleteItem, which costs half. Each write of a row gives it a new
version. Records of large commits are items of `nonrel_commits`; see expressions.py for
the intents.
"""

from collections.abc import Sequence
from itertools import groupby
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from ..batching import batches
from ..kv.conditional import ConditionalStore, Conflict, State, Write
from ..kv.tables import Index, Table
from .errors import UnknownOutcome, code_of, reasons_of
from .expressions import (
    ENTRY,
    INTENT,
    PARTITION,
    VERSION,
    Expressions,
    intent_request,
    request,
    settling,
    update_of,
    write_size,
)
from .items import Item
from .reading import MOST_KEYS, Reading, each

# The table of the records of large commits, with its prefix.
COMMITS_TABLE = "nonrel_commits"
FAILED = "ConditionalCheckFailedException"
# The operation of a single write, by its name in a transaction.
OPERATIONS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}
# How often a single write whose outcome is unknown is sent.
ATTEMPTS = 3
# Bytes of a version, which is a text of 8 characters: that two writes of one row have
# the same is not expected in 10**14 of them.
VERSION_BYTES = 6


class DynamoStore(Reading, ConditionalStore):
    """The items of a database's tables, and the entries of their indexes."""

    batch_writes = 100
    # Of the 4 MB that the items of a transaction may have (Amazon's documentation).
    batch_bytes = 3_500_000

    # The batch of writes whose outcome is unknown, its token and its version.
    unknown: tuple[Sequence[Write], str, str] | None = None

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
        token, version = new_token(), token_urlsafe(VERSION_BYTES)
        is_again = self.unknown is not None and self.unknown[0] is writes
        if self.unknown is not None and is_again:
            # It may have been carried out before.
            _, token, version = self.unknown
        self.unknown = None
        try:
            if len(writes) == 1 and writes[0].is_row and writes[0].changes:
                self.write(writes[0], version, is_again)
            else:
                self.transact(
                    [
                        {kind: parameters}
                        for kind, parameters in (
                            request(write, self.place(write), version)
                            for write in writes
                        )
                    ],
                    writes,
                    token,
                )
        except UnknownOutcome:
            self.unknown = (writes, token, version)
            raise

    def transact(
        self, items: list[dict[str, Any]], writes: Sequence[Write], token: str
    ) -> None:
        """Carry out the requests of writes, all or none."""
        try:
            self.call(
                "transact_write_items", TransactItems=items, ClientRequestToken=token
            )
        except ClientError as error:
            for write, reason in zip(writes, reasons_of(error), strict=False):
                if reason == "ConditionalCheckFailed":
                    raise conflict(write) from error
            raise

    def write(self, write: Write, version: str, is_again: bool) -> None:
        """Carry out the write of one row.

        After an unknown outcome it is sent again if the row is as it was before.
        """
        kind, parameters = request(write, self.place(write), version)
        for attempt in range(is_again, ATTEMPTS):
            try:
                self.call(OPERATIONS[kind], repeatable=False, **parameters)
            except UnknownOutcome:
                if attempt == ATTEMPTS - 1:
                    raise
            except ClientError as error:
                if code_of(error) != FAILED:
                    raise
                if attempt and self.has_version(write, version):
                    return
                if attempt:
                    raise UnknownOutcome(
                        f"DynamoDB has not answered a write of a row of "
                        f"{write.table.name}, which has changed since: whether it "
                        "was carried out is unknown. Read before you retry."
                    ) from error
                raise conflict(write) from error
            else:
                return

    def has_version(self, write: Write, version: str) -> bool:
        """Return whether a row has the version of a write."""
        return self.item_has_version(self.place(write), version)

    def item_has_version(self, place: dict[str, Any], version: str) -> bool:
        reply = self.call("get_item", **place, ConsistentRead=True)
        return reply.get("Item", {}).get(VERSION) == {"S": version}

    def update_row(self, table: Any, key: bytes, values: dict[str, Any]) -> bool | None:
        if not table.is_possible(key):
            return False
        version = token_urlsafe(VERSION_BYTES)
        native = table.native_key(key)
        place = {"TableName": table.physical, "Key": native}
        try:
            self.call(
                "update_item",
                repeatable=False,
                **place,
                **update_of(table, values, version),
            )
        except ClientError as error:
            if code_of(error) != FAILED:
                raise
            return None
        except UnknownOutcome:
            if not self.item_has_version(place, version):
                raise
        return True

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
        self.call(
            "put_item",
            repeatable=True,
            TableName=self.commits_table,
            Item={
                "id": {"S": commit},
                "state": {"S": State.PENDING.value},
                "until": {"N": repr(until)},
            },
        )

    def extend(self, commit: str, until: float) -> None:
        if not self.change(commit, "until", {"N": repr(until)}):
            raise Conflict(f"The commit {commit} was ended by another transaction.")

    def change(self, commit: str, name: str, value: Any) -> bool:
        """Change a record if its commit is pending; return whether it was."""
        found = Expressions()
        update = found.assignments({name: value}, [])
        wanted = found.equal("state", {"S": State.PENDING.value})
        return self.did(
            "update_item",
            **self.record(commit),
            **found.parameters(UpdateExpression=update, ConditionExpression=wanted),
        )

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
        found = self.state(commit)
        return State.ABORTED if found is None else found[0]

    def state(self, commit: str) -> tuple[State, float] | None:
        reply = self.call("get_item", **self.record(commit), ConsistentRead=True)
        item = reply.get("Item")
        return record_of(item) if item else None

    def end(self, commit: str) -> None:
        self.call("delete_item", repeatable=True, **self.record(commit))

    def put_intents(self, commit: str, writes: Sequence[Write]) -> None:
        version = token_urlsafe(VERSION_BYTES)
        items = [
            {"Update": intent_request(write, self.place(write), version, commit)}
            for write in writes
        ]
        self.transact(items, writes, new_token())

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
        for _ in each(lambda found: self.did(found[0], **found[1]), requests):
            pass


def new_token() -> str:
    """Return a token of a transaction, by which DynamoDB knows it if it comes again."""
    return str(uuid4())


def record_of(item: Item) -> tuple[State, float]:
    """Return (state, until) of the item of a commit's record."""
    return State(item["state"]["S"]), float(item["until"]["N"])


def key_names(table: Any, index: Index, key: bytes) -> list[str]:
    """Return the attributes of the key of a row's or an entry's item."""
    return table.attributes if index is table.primary else [PARTITION, ENTRY]


def conflict(write: Write) -> Conflict:
    """Return the error for a write whose condition is not met."""
    table: Any = write.table
    if write.is_row:
        what = f"The row {table.shown(write.key)} of {table.name}"
    else:
        what = f"An entry of the index {write.index.name} of {table.name}"
    return Conflict(f"{what} was changed by another transaction.")
