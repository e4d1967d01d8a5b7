"""Random writes that meet others give the same as on SQLite, where they meet nobody.

FUZZ_CONFLICTS (60) is their number, FUZZ_SEED their seed.
"""

import os
from contextlib import contextmanager
from secrets import token_hex
from unittest import mock

import pytest
from django.db import connections

from nonrel_backend.dynamodb.store import DynamoStore
from nonrel_backend.testing.differential.answers import read, written
from nonrel_backend.testing.differential.compare import compare
from nonrel_backend.testing.differential.writes import write
from nonrel_backend.transactions import TransactionConflict

ALIASES = ("default", "oracle")
COUNT = int(os.environ.get("FUZZ_CONFLICTS") or 60)
SEED = int(os.environ.get("FUZZ_SEED") or 20261120)


def touch(store, writes):
    """Change the version of the first row that is to be changed; was there one?"""
    for each in writes:
        if each.is_row and each.before is not None:
            store.call(
                "update_item",
                **store.place(each),
                UpdateExpression="SET #v = :v",
                ConditionExpression="attribute_exists(#v)",
                ExpressionAttributeNames={"#v": "_v"},
                ExpressionAttributeValues={":v": {"S": token_hex(4)}},
            )
            return True
    return False


@contextmanager
def meeting(met):
    """Let another one write a row just before the first commit that changes one."""
    waiting = [True]

    def meets(name):
        carry_out = getattr(DynamoStore, name)

        def carried_out(store, *arguments):
            if waiting and touch(store, arguments[-1]):
                waiting.clear()
                met.append(name)
            return carry_out(store, *arguments)

        return mock.patch.object(DynamoStore, name, carried_out)

    with meets("commit"), meets("put_intents"):
        yield


@pytest.mark.parametrize("most", [100, 4], ids=["small commits", "large commits"])
def test_random_writes_that_meet_others_agree_with_sqlite(library, monkeypatch, most):
    monkeypatch.setattr(DynamoStore, "batch_writes", most)
    met, conflicts = [], []

    def run(drawn, data):
        ours, oracle = ALIASES
        text = drawn[1]
        with meeting(met):
            answer = read(data, text, ours)
        if isinstance(answer, type) and issubclass(answer, TransactionConflict):
            # Django has opened a block around it, as for cascades.
            conflicts.append(text)
            assert data.contents(ours) == data.stored
            answer = read(data, text, ours)
        found = [
            (answer, data.contents(ours)),
            written(data, "committed", text, oracle),
        ]
        if any(held != data.stored for _, held in found):
            data.store()
        return found

    print("\n" + compare(library, ALIASES, write(), COUNT, SEED, run))
    print(f"{len(met)} have met another write, {len(conflicts)} were run again")
    assert len(met) > len(conflicts) > 0
    assert connections["default"].check_store() == []
