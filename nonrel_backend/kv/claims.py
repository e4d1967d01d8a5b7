"""Unique values of a store whose changes are not atomic: each is claimed beforehand.

A claim is a row {"key": the key of the row that has the value} of a table of its own,
under the key [table, index, payload] in JSON. It is put on the condition that there is
none. If the row of a claim does not have the value, its writer has crashed, or is about
to write the row: the next writer waits for a while, then takes the claim over.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import DatabaseError, IntegrityError

from .access import Access, Change, Entry
from .tables import Index, Table

# Characters of a payload in a claim's key; of a longer one the key has a hash. Stores
# take longer keys, but they are in every request.
LONGEST = 400
# Seconds that a writer may take from its claim to its row: two requests, of which each
# is given up after a timeout only. A writer that is slower may lose its unique value.
GRACE = 5.0
# Seconds between two looks at a claim that may be taken over.
PAUSE = 0.02


def claim_key(table: Table, entry: Entry) -> bytes:
    """Return the key of the claim of an entry of a unique index."""
    index, payload, _ = entry
    text = payload.decode("latin-1")
    if len(text) > LONGEST:
        text = "sha256:" + hashlib.sha256(payload).hexdigest()
    parts = [table.name, index.name, text]
    return json.dumps(parts, separators=(",", ":")).encode()


def keys(table: Table, entries: Iterable[Entry]) -> dict[bytes, Entry]:
    """Return {key of the claim: entry} of the unique ones among entries."""
    return {claim_key(table, each): each for each in entries if each[2]}


def removed(table: Table, changes: Sequence[Change]) -> set[bytes]:
    """Return the keys of the claims of the values that changes remove."""
    return {key for change in changes for key in keys(table, change.removed)}


def beginning(table: str) -> bytes:
    """Return what the keys of all claims of a table begin with, and no others."""
    return (json.dumps([table])[:-1] + ",").encode()


def parts_of(key: bytes) -> tuple[str, str]:
    """Return (table, index) of a claim's key."""
    table, index, _ = json.loads(key)
    return table, index


def holder_of(row: dict[str, Any]) -> bytes:
    """Return the key of the row that a claim names; raise DatabaseError for none."""
    try:
        holder: bytes = row["key"].encode("latin-1")
    except (AttributeError, KeyError, ValueError) as error:
        raise DatabaseError(
            f"A claim of a unique value is damaged: {row!r} names no row."
        ) from error
    return holder


class Claims:
    """The claims of one table."""

    def __init__(self, access: Access, table: Table) -> None:
        self.access = access
        self.table = table
        self.claims = access.claims()

    def of(self, row: Any) -> dict[bytes, Entry]:
        """Return {key of the claim: entry} for the unique values of a row."""
        return self.keys(self.table.entries_of(row))

    def keys(self, entries: Iterable[Entry]) -> dict[bytes, Entry]:
        return keys(self.table, entries)

    def holders(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return {key of a claim: key of the row that it names}."""
        found = self.access.get(self.claims, keys)
        return dict(
            zip(
                self.access.keys(self.claims, found),
                map(holder_of, self.access.rows(self.claims, found)),
                strict=True,
            )
        )

    def release(self, keys: Iterable[bytes]) -> None:
        """Delete claims."""
        changes = [Change(None, key, None, None, [], []) for key in keys]
        if changes:
            self.access.apply(self.claims, changes)

    # --- claiming ---

    def claim(self, changes: Sequence[Change]) -> set[bytes]:
        """Claim the unique values that changes give to rows; return the new claims.

        Raise IntegrityError, and claim none, if another row has one of them.
        """
        wanted = self.wanted(changes)
        if not wanted:
            return set()
        moving = {change.old_key for change in changes if change.old_key is not None}
        self.validate(list(wanted.values()), moving)
        # A value may move from one row to another. Its claim does so last: if another
        # row has one of the other values, nothing moves.
        moving_keys = removed(self.table, changes) & wanted.keys()
        new = {key: wanted[key] for key in wanted if key not in moving_keys}
        claimed = self.claim_all(new)
        self.release(moving_keys)
        return claimed | self.claim_all({key: wanted[key] for key in moving_keys})

    def wanted(self, changes: Sequence[Change]) -> dict[bytes, tuple[Entry, bytes]]:
        """Return {key of a claim: (entry, key of the row)} of the values added.

        Raise IntegrityError if two rows have the same one.
        """
        wanted: dict[bytes, tuple[Entry, bytes]] = {}
        for change in changes:
            for key, entry in self.keys(change.added).items():
                if key in wanted:
                    raise self.table.duplicate(entry[0])
                assert change.key is not None
                wanted[key] = entry, change.key
        return wanted

    def claim_again(self, changes: Sequence[Change]) -> None:
        """Claim all values that changes add and that have no claim yet.

        Raise IntegrityError if two rows have the same one.
        """
        self.claim_all(self.wanted(changes))

    def validate(self, wanted: list[tuple[Entry, bytes]], moving: set[bytes]) -> None:
        """Raise IntegrityError if a row has one of the values, with a claim or without.

        Rows that other clients have written have no claims. The rows `moving` may have
        it: they lose it, or have claimed it.
        """
        by_index: dict[Index, set[bytes]] = {}
        for (index, payload, _), _ in wanted:
            by_index.setdefault(index, set()).add(payload)
        for index, payloads in by_index.items():
            for key, row in self.rows_with(index, payloads):
                if key not in moving and any(
                    unique and payload in payloads
                    for payload, unique in index.payloads(row)
                ):
                    raise self.table.duplicate(index)

    def rows_with(
        self, index: Index, payloads: set[bytes]
    ) -> Iterable[tuple[bytes, Any]]:
        """Yield (key, row) of the rows that may have the values in an index."""
        if index.building:
            for found in self.access.all_rows(self.table):
                yield from ((key, row) for _, key, row in found)
            return
        keys = self.access.find(self.table, index, list(payloads))
        records = self.access.get(self.table, list(dict.fromkeys(keys)))
        yield from zip(
            self.access.keys(self.table, records),
            self.access.rows(self.table, records),
            strict=True,
        )

    def claim_all(self, wanted: dict[bytes, tuple[Entry, bytes]]) -> set[bytes]:
        made = [
            Change(None, None, {"key": row.decode("latin-1")}, key, [], [])
            for key, (_, row) in wanted.items()
        ]
        if not made:
            return set()
        begun = renewed = time.monotonic()
        taken = {each.key for each in self.access.apply(self.claims, made)}
        claimed = {key for key in wanted if key not in taken}
        holders = self.holders([key for key in taken if key is not None])
        until = time.monotonic() + GRACE

        def keep() -> None:
            """Keep what is claimed already while another claim is waited for."""
            nonlocal renewed
            if time.monotonic() - renewed > GRACE / 2:
                renewed = time.monotonic()
                self.renew(claimed, wanted)

        try:
            for key in taken:
                assert key is not None
                entry, row = wanted[key]
                if self.take_over(key, entry, row, holders.get(key), until, keep):
                    claimed.add(key)
            if time.monotonic() - begun > GRACE / 2:
                self.renew(claimed, wanted)
        except IntegrityError:
            self.release(claimed)
            raise
        return claimed

    def renew(
        self, claimed: set[bytes], wanted: dict[bytes, tuple[Entry, bytes]]
    ) -> None:
        """Put claims anew that have waited for others: who waits for them begins again.

        Raise IntegrityError if another row has taken one over, which is then none of
        `claimed`.
        """
        records = self.access.get(self.claims, list(claimed))
        keys = self.access.keys(self.claims, records)
        rows = self.access.rows(self.claims, records)
        own = [
            Change(record, key, row, key, [], [])
            for record, key, row in zip(records, keys, rows, strict=True)
            if holder_of(row) == wanted[key][1]
        ]
        failed = {each.key for each in self.access.apply(self.claims, own)}
        lost = claimed - ({each.key for each in own} - failed)
        claimed -= lost
        if lost:
            raise self.table.duplicate(wanted[min(lost)][0][0])

    def take_over(
        self,
        key: bytes,
        entry: Entry,
        row: bytes,
        other: bytes | None,
        until: float,
        keep: Callable[[], None],
    ) -> bool:
        """Claim the value of another row, if that does not get it until then.

        If a third row claims it meanwhile, that has GRACE seconds, too. `keep` is
        called now and then.

        Return False if the claim belongs to this row already. Raise IntegrityError if
        the other row has the value.
        """
        seen = None
        while True:
            records = self.access.get(self.claims, [key])
            rows = self.access.rows(self.claims, records)
            holder = holder_of(rows[0]) if rows else None
            if holder == row:
                return False
            version = self.access.record_version(records[0]) if records else None
            if holder is not None and (holder != other or version != seen is not None):
                other, until = holder, time.monotonic() + GRACE
            seen = version
            if holder is not None and self.holds(holder, key):
                raise self.table.duplicate(entry[0])
            if holder is None or time.monotonic() > until:
                (record,) = records or [None]
                old_key = None if record is None else key
                named = {"key": row.decode("latin-1")}
                change = Change(record, old_key, named, key, [], [])
                if not self.access.apply(self.claims, [change]):
                    return True
                until = time.monotonic() + GRACE  # another writer was faster
            keep()
            time.sleep(PAUSE)

    def holds(self, holder: bytes, key: bytes) -> bool:
        """Return whether the row of a claim has its value."""
        records = self.access.get(self.table, [holder])
        return any(key in self.of(row) for row in self.access.rows(self.table, records))


def write_claimed(
    access: Access, table: Table, changes: Sequence[Change]
) -> list[Change]:
    """Claim the values that changes add, write the changes, release what they leave.

    Return the changes that were not written: see Access.apply().
    """
    claims = Claims(access, table)
    claimed = claims.claim(changes)
    lost = access.apply(table, changes)
    not_written = set(map(id, lost))
    written = [each for each in changes if id(each) not in not_written]
    kept = {key for each in written for key in claims.keys(each.added)}
    # Rows that were not written claim the values anew when they are written.
    left = removed(table, written) | claimed
    claims.release(left - kept)
    return lost
