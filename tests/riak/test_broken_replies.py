"""Replies that are broken, and rows that are: every error is one of Django's."""

import random
import struct

import pytest
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db import DataError, Error, OperationalError, connections
from django.db.models import Avg, F

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.connection import frame
from nonrel_backend.testing.riak.server import StandInRiak

from .conftest import create_tables
from .test_backend import author, counter, counters

# What may come back instead of a row, besides cut and changed ones.
VALUES = [b"", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff\xfe", b"{"]


class Breaking:
    """The answers of a server; while it is `on`, about half are broken."""

    def __init__(self, server, seed):
        self.answers = server.answers
        self.random = random.Random(seed)
        self.on = False

    def __call__(self, request):
        replies = self.answers(request)
        if not self.on or self.random.random() < 0.5:
            return replies
        frames = list(map(frame, replies))
        at = self.random.randrange(len(frames))
        frames[at] = self.broken(frames[at], replies[at])
        return frames

    def broken(self, data, reply):
        """Return a reply's frame with one thing wrong."""
        code, payload = data[4], bytearray(data[5:])
        way = self.random.randrange(6)
        if way == 0 and payload:
            payload[self.random.randrange(len(payload))] ^= 1 << self.random.randrange(
                8
            )
        elif way == 1:
            del payload[self.random.randrange(len(payload) + 1) :]
        elif way == 2:
            code = self.random.choice([*messages.BY_CODE, 99, 0])
        elif way == 3:
            payload = bytearray(self.random.randbytes(self.random.randrange(30)))
        elif way == 4:
            return struct.pack("!I", 0)
        else:
            payload = bytearray(self.changed(reply).SerializeToString())
        return struct.pack("!IB", len(payload) + 1, code) + payload

    def changed(self, reply):
        """Return a reply whose objects have other values."""
        changed = type(reply)()
        changed.CopyFrom(reply)
        objects = [changed] if hasattr(changed, "content") else []
        if hasattr(changed, "objects"):
            objects = [each.object for each in changed.objects]
        for each in objects:
            for content in each.content:
                content.value = self.random.choice(VALUES)
        return changed


def pages():
    from .models import Page

    return Page.objects.using("own")


def change():
    row = counters().first()
    row.name, row.value = f"n{random.random()}", 5
    row.save()


WORK = {
    "get": lambda: counters().get(pk=counters().only("pk").first().pk),
    "filter": lambda: list(counters().filter(name="c0")),
    "order": lambda: list(counters().order_by("name")[:3]),
    "scan": lambda: list(counters().filter(value__gt=0)),
    "count": lambda: counters().count(),
    "average": lambda: counters().aggregate(Avg("value")),
    "in_bulk": lambda: counters().in_bulk([each.pk for each in counters()]),
    "create": lambda: counter(f"new{random.random()}"),
    "bulk_create": lambda: counters().bulk_create(
        [counters().model(name=f"{n}{random.random()}") for n in range(3)]
    ),
    "save": change,
    "update": lambda: counters().update(value=F("value") + 1),
    "delete": lambda: counters().filter(name__startswith="n").delete(),
    "pages": lambda: list(pages().filter(visits__gte=0)),
    "page": lambda: pages().create(name="p", visits=1, tags=["x"], years=[1]),
    "add": lambda: pages().update(visits=F("visits") + 1),
    "author": lambda: author(name="a"),
    "check": lambda: connections["own"].check_store(),
    "version": lambda: connections["own"].get_database_version(),
}


@pytest.mark.parametrize(("bucket_type", "keys"), [("", "time"), ("mult", "sequence")])
@pytest.mark.parametrize("work", WORK)
def test_a_broken_reply_is_an_error_of_django(
    open_database, monkeypatch, work, bucket_type, keys
):
    monkeypatch.setattr("nonrel_backend.kv.claims.GRACE", 0)
    monkeypatch.setattr("nonrel_backend.kv.retrying.LONGEST_PAUSE", 0)
    monkeypatch.setattr("nonrel_backend.riak.objects.give_way", lambda attempt: None)
    with StandInRiak() as server:
        server.answers = breaking = Breaking(server, f"{work} {bucket_type} {keys}")
        store = open_database(
            host=f"127.0.0.1:{server.port}",
            bucket_type=bucket_type,
            unique_type=bucket_type,
            counter_type="cnt",
            set_type="sets",
            keys=keys,
        )
        pool = store.db_connection.pool

        def break_replies(on, timeout):
            breaking.on = on
            pool.close()
            pool.options["timeout"] = timeout

        create_tables(store)
        with store.schema_editor() as editor:
            editor.create_model(pages().model)
        for turn in range(15):
            # On a busy machine a request may take longer than a second.
            break_replies(False, timeout=30)
            counters()._raw_delete("own")
            counters().bulk_create(
                counters().model(name=f"c{n}", value=n) for n in range(3)
            )
            pages()._raw_delete("own")
            pages().create(name="a", visits=turn, tags=["x", "y"], years=[7])
            # The end of a broken reply may never come.
            break_replies(True, timeout=1)
            try:
                WORK[work]()
            except (Error, ObjectDoesNotExist, MultipleObjectsReturned):
                pass
        break_replies(False, timeout=30)


def test_a_reply_to_another_request_is_a_lost_connection(server, store):
    row = counter("x")
    answers = server.answers
    server.answers = lambda request: [messages.RpbPutResp()]
    with pytest.raises(OperationalError, match="message 12 is no reply to message 9"):
        counters().get(pk=row.pk)
    server.answers = answers
    assert counters().get(pk=row.pk).name == "x"


BAD_TEXTS = ["\ud800", "a\x00b", "\udcff"]


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_text_that_is_no_text_is_an_error_of_django_or_kept(store, text):
    for work in (
        lambda: author(name=text, email=f"{text}@example.org"),
        lambda: counters().update(name=text),
        lambda: counter(text),
    ):
        try:
            work()
        except Error:
            continue
    assert {row.name for row in counters()} <= {text}


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_keys_and_members_that_are_no_text_are_errors_of_django(open_database, text):
    from tests.library.models import Tag

    store = open_database(counter_type="cnt", set_type="sets")
    with store.schema_editor() as editor:
        editor.create_model(pages().model)
        editor.create_model(Tag)
    named = Tag.objects.using("own")
    if text != "a\x00b":
        with pytest.raises(DataError):
            named.create(pk=text)
        with pytest.raises(DataError, match="surrogate"):
            pages().create(name="a", tags=[text])


@pytest.mark.parametrize("number", [10**30, -(10**30)])
def test_numbers_past_64_bits_are_errors_of_django_or_not_found(store, number):
    counter("x")
    for work in (
        lambda: list(counters().filter(value=number)),
        lambda: list(counters().filter(pk=number)),
        lambda: list(counters().filter(value__gt=number)),
        lambda: counters().update(value=number),
        lambda: counters().update(value=F("value") + number),
        lambda: counter("y", number),
        lambda: counters().create(pk=number, name="z"),
    ):
        try:
            work()
        except Error:
            continue
    assert [row.name for row in counters()] == ["x"]
