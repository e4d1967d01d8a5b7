"""Commits of any size, all or nothing, on a store with conditional writes.

A commit that fits into one atomic batch of the store is one. Any other is carried out
by intents and a record, as Google's Percolator does it:

1. a record of the commit is put: it is pending until a time;
2. each item gets an intent, which names the commit, beside its old value;
3. the record is set to "committed", on condition that it is pending: now it counts;
4. the intents are moved into place, and the record is deleted.

Rows that have no room for an intent are written by the request that sets the record.

Whoever reads an item with an intent asks the record. While it is pending, the old value
counts; past its time it is set to "aborted". If it is committed, the new value counts.
The reader moves or removes the intents of decided commits that it has met: so a crash
at any place leaves nothing that is shown wrongly.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from django.db import DatabaseError, DataError

from ..batching import weighed
from .conditional import (
    ConditionalStore,
    Conflict,
    Expected,
    State,
    Stored,
    Taken,
    Write,
)
from .retrying import give_way
from .tables import Index, Table

logger = logging.getLogger("nonrel_backend.commits")
# Seconds that a commit has for its next steps. A writer that is slower, or has crashed,
# is aborted by whoever meets its intents.
PATIENCE = 20.0
# How often an item is read again that has got another intent meanwhile.
LOOKS = 20


def commit(records: ConditionalStore, writes: list[Write], large: bool = True) -> None:
    """Carry out writes, all or none.

    Raise Conflict if the condition of one is not met. Without `large`, raise
    DatabaseError for more than one batch of the store holds.
    """
    if not writes:
        return
    fits = len(writes) <= records.batch_writes
    if len(writes) == 1 or (fits and len(list(in_batches(records, writes))) == 1):
        in_free_way(records, partial(records.commit, writes))
    elif not large:
        raise DatabaseError(
            f"The transaction has {len(writes)} writes, more than one batch of the "
            f'store holds ({records.batch_writes}), and OPTIONS["oversize"] is '
            '"refuse". Nothing was written. Commit less at a time.'
        )
    else:
        LargeCommit(records).run(in_order(writes))


def in_free_way(records: ConditionalStore, work: Callable[[], None]) -> None:
    """Do work(); again if intents of decided commits were in its way.

    Its statements may not have read these items: entries are put unread. Raise Taken if
    a new item is there already.
    """
    for _ in range(LOOKS):
        try:
            return work()
        except Conflict as error:
            found, is_cleared = obstacles(records, error.writes)
            if is_cleared:
                continue
            for each in found:
                if each.expected is Expected.NOTHING:
                    text = each.table.duplicate(each.index)
                    raise Taken(str(text), error.writes) from error
            raise
    work()


def obstacles(
    records: ConditionalStore, writes: Sequence[Write]
) -> tuple[list[Write], bool]:
    """Return (the writes whose items exist, whether intents were in the way).

    The intents of decided commits are settled.
    """
    spaces: dict[tuple[Table, Index], dict[bytes, Write]] = {}
    for each in writes:
        spaces.setdefault((each.table, each.index), {})[each.key] = each
    there: list[Write] = []
    is_cleared = False
    for (table, index), by_key in spaces.items():
        found = read(records, table, index, list(by_key))
        blocked = [each for each in found if each.intent]
        there += [by_key[each.key] for each in found if each.value is not None]
        if blocked:
            resolved(records, table, index, blocked)
            again = read(records, table, index, [each.key for each in blocked])
            is_cleared |= sum(each.intent is not None for each in again) < len(blocked)
    return there, is_cleared


def read(
    records: ConditionalStore, table: Table, index: Index, keys: Sequence[bytes]
) -> list[Stored]:
    """Return the rows or entries with these keys."""
    if index is table.primary:
        return records.rows(table, keys)
    return records.found(table, index, keys)


def in_order(writes: list[Write]) -> list[Write]:
    """Return writes in an order that all commits have, so that one of two goes on."""
    return sorted(writes, key=lambda each: (each.table.name, each.index.name, each.key))


def in_batches(
    records: ConditionalStore, writes: Iterable[Write]
) -> Iterator[list[Write]]:
    """Return the writes in batches that the store takes."""
    return weighed(writes, records.size, records.batch_bytes, records.batch_writes)


class LargeCommit:
    """A commit by intents and a record."""

    def __init__(self, records: ConditionalStore) -> None:
        self.records = records
        self.id = secrets.token_urlsafe(9)
        self.until = 0.0
        # Batches whose intents may have been put.
        self.begun: list[list[Write]] = []

    def run(self, writes: list[Write]) -> None:
        has_room = self.records.has_room
        last = [each for each in writes if not has_room(each)]
        if last:
            check_together(self.records, last, len(writes))
            writes = [each for each in writes if has_room(each)]
        self.until = time.time() + PATIENCE
        self.records.begin(self.id, self.until)
        try:
            for batch in in_batches(self.records, writes):
                self.extend()
                self.begun.append(batch)
                put = partial(self.records.put_intents, self.id, batch)
                in_free_way(self.records, put)
            state = self.decide(last)
        except BaseException:
            with self.records.hurried():
                if not self.is_committed():
                    raise
            state = State.COMMITTED
        with self.records.hurried():
            self.settle(state)
        if state is not State.COMMITTED:
            raise Conflict(
                f"The commit of {len(writes)} writes took longer than it may, and was "
                "given up. Nothing was written. Run the whole atomic() block again."
            )

    def decide(self, last: list[Write]) -> State:
        """Set the record to "committed", together with the last writes."""
        if not last:
            return self.records.decide(self.id, State.COMMITTED)
        found: list[State] = []
        in_free_way(
            self.records,
            lambda: found.append(self.records.decide_with(self.id, last)),
        )
        return found[-1]

    def extend(self) -> None:
        """Put off the time until which the commit is pending, if half is over."""
        now = time.time()
        if self.until - now < PATIENCE / 2:
            self.until = now + PATIENCE
            self.records.extend(self.id, self.until)

    def is_committed(self) -> bool:
        """Return whether the commit is, after an error; abort it if it is not.

        The outcome of decide() may be unknown. If it still is, the record tells others.
        """
        try:
            state = self.records.decide(self.id, State.ABORTED)
        except Exception as error:
            logger.warning("The commit %s is left to readers: %s", self.id, error)
            return False
        if state is not State.COMMITTED:
            self.settle(State.ABORTED)
        return state is State.COMMITTED

    def settle(self, state: State) -> None:
        """Move the intents into place, or remove them, and delete the record.

        What is left undone by an error, those do who meet the intents.
        """
        try:
            self.records.finish(self.id, self.begun, state)
            self.records.end(self.id)
        except Exception as error:  # the commit is decided: it did not fail
            logger.warning(
                "The commit %s is %s; its intents are left to readers: %s",
                self.id,
                state.value,
                error,
            )


def check_together(records: ConditionalStore, last: list[Write], number: int) -> None:
    """Raise DataError if the last writes of a large commit do not fit into a batch."""
    if len(last) < records.batch_writes and len(list(in_batches(records, last))) == 1:
        return
    total = sum(map(records.size, last))
    raise DataError(
        f"The transaction has {number} writes, and changes {len(last)} rows that are "
        f"too large to be held twice, as that many writes need: {total:,} bytes, old "
        f"and new, where {records.batch_bytes:,} may be written at once. Nothing was "
        "written. Commit less at a time."
    )


def resolved(
    records: ConditionalStore, table: Table, index: Index, found: list[Stored]
) -> list[Stored]:
    """Return what was read as the commits have decided whose intents it has.

    Items that do not exist are left out. Intents of decided commits are settled.
    """
    if all(each.intent is None for each in found):
        return found
    items = {each.key: each for each in found}
    # The keys of the items that must be read again.
    left = {each.key for each in found if each.intent is not None}
    orphans: set[tuple[bytes, str]] = set()
    for attempt in range(LOOKS):
        left = settled(records, table, index, [items[key] for key in left], orphans)
        if not left:
            break
        give_way(attempt)
        keys = list(left)
        again = read(records, table, index, keys)
        fresh = {each.key: each for each in again}
        for key in keys:
            if key in fresh:
                items[key] = fresh[key]
            else:
                del items[key]
        left = {each.key for each in again if each.intent is not None}
    return [each for each in items.values() if each.value is not None]


def settled(
    records: ConditionalStore,
    table: Table,
    index: Index,
    found: Sequence[Stored],
    orphans: set[tuple[bytes, str]],
) -> set[bytes]:
    """Settle the intents of decided commits; return the keys of their items.

    Those of pending commits stay. `orphans` are items and commits without a record that
    were met before: if they are met again, the commit was aborted.
    """
    by_commit: dict[str, list[bytes]] = {}
    for each in found:
        assert each.intent is not None
        by_commit.setdefault(each.intent.commit, []).append(each.key)
    again: set[bytes] = set()
    for commit, keys in by_commit.items():
        state = state_of(records, commit)
        if state is State.PENDING:
            continue
        again.update(keys)
        if state is None:
            # The commit has ended since the item was read, or it was aborted.
            known = {(key, commit) for key in keys}
            keys = [key for key, _ in known & orphans]
            orphans |= known
            state = State.ABORTED
        if keys:
            records.settle(commit, [(table, index, key) for key in keys], state)
    return again


def state_of(records: ConditionalStore, commit: str) -> State | None:
    """Return the state of a commit, which is aborted if its time is over."""
    found = records.state(commit)
    if found is None:
        return None
    state, until = found
    if state is State.PENDING and time.time() > until:
        return records.decide(commit, State.ABORTED)
    return state
