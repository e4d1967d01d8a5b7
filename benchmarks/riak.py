"""Measure the Riak backend: `python -m benchmarks.riak`; see README.md here.

Prepared bytes on a socket, the client and the ORM do the same in turn, on a stand-in or
on RIAK_HOST. Django on a SQLite file does it, too: it shows what the ORM itself costs.
"""

import argparse
import socket
import struct
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django
from django.conf import settings

from benchmarks import data
from benchmarks.report import as_table, shown
from nonrel_backend.kv.encoding import encode_int, following
from nonrel_backend.riak.client import Client, Pool
from nonrel_backend.riak.client.client import (
    content,
    get_request,
    index_request,
    put_request,
)
from nonrel_backend.riak.client.connection import frame
from nonrel_backend.riak.tables import escaped
from nonrel_backend.testing.riak.server import StandInRiak, named, riak_host

AUTHORS, BOOKS, MANY = 100, 2_000, 500
# The repetitions in a round. They take some milliseconds, which little disturbs.
OPERATIONS = {
    "get": 50,
    "in_bulk_500": 1,
    "create": 20,
    "filter_20": 5,
    "select_related_100": 2,
}
WHO = ("socket", "client", "orm", "sqlite")
# {(operation, one, another): the largest allowed ratio of their times}
MOST = {
    ("get", "client", "socket"): 1.3,
    ("get", "orm", "client"): 2.5,
    ("in_bulk_500", "orm", "client"): 2.5,
}
TURNS_PER_ROUND = 100
LENGTH = struct.Struct("!I")


def book_number(turn: int) -> int:
    """Return a number of a book that looks random."""
    return 1 + turn * 7919 % BOOKS


def author_of(number: int) -> int:
    return 1 + number % AUTHORS


def books_of(author: int) -> range:
    return range(author - 1 or AUTHORS, BOOKS + 1, AUTHORS)


def books_range(author: int) -> dict[str, bytes]:
    """Return the fields of an index query for the books of an author."""
    payload = encode_int(author)
    ends = payload, following(payload)
    return dict(zip(("range_min", "range_max"), map(escaped, ends), strict=True))


class Bare:
    """The methods of the client, which return JSON as bytes."""

    def __init__(self, client: Client, bucket: bytes) -> None:
        self.client = client
        self.bucket = bucket
        self.many = [str(number).encode() for number in range(1, MANY + 1)]
        reply = client.get(bucket, b"1")
        (self.sample,) = reply.content
        names = [pair.key for pair in self.sample.indexes]
        (self.index,) = (name for name in names if b"author_id" in name)

    def get(self, turn: int) -> Any:
        return self.client.get(self.bucket, str(book_number(turn)).encode())

    def in_bulk_500(self, turn: int) -> Any:
        return self.client.get_many(self.bucket, self.many)

    def create(self, turn: int) -> Any:
        return self.client.put(
            self.bucket,
            f"bare{turn}".encode(),
            content(
                self.sample.value,
                [(pair.key, pair.value) for pair in self.sample.indexes],
            ),
            if_none_match=True,
        )

    def filter_20(self, turn: int) -> Any:
        author = author_of(book_number(turn))
        page = self.client.index_page(self.bucket, self.index, **books_range(author))
        return self.client.get_many(self.bucket, page.keys)


class Socket:
    """The same requests as bytes that were made before. The replies are not parsed."""

    def __init__(self, host: str, bare: Bare, turns: list[int]) -> None:
        name, _, port = host.partition(",")[0].rpartition(":")
        self.socket = socket.create_connection((name, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bucket = bare.bucket
        self.gets = {
            number: frame(get_request(bucket, str(number)))
            for number in range(1, BOOKS + 1)
        }
        self.many = b"".join(self.gets[number] for number in range(1, MANY + 1))
        self.puts = {
            turn: frame(
                put_request(bucket, f"wire{turn}", bare.sample, if_none_match=True)
            )
            for turn in turns
        }
        self.filters = {
            author: (
                frame(index_request(bucket, bare.index, **books_range(author))),
                b"".join(self.gets[number] for number in books_of(author)),
            )
            for author in range(1, AUTHORS + 1)
        }

    def ask(self, request: bytes, count: int = 1) -> bytearray:
        """Send `count` requests, and return the bytes of their replies."""
        self.socket.sendall(request)
        found = bytearray()
        at = 0
        while count:
            found += self.socket.recv(262_144)
            while count and len(found) >= at + 4:
                end = at + 4 + LENGTH.unpack_from(found, at)[0]
                if len(found) < end:
                    break
                at = end
                count -= 1
        return found

    def get(self, turn: int) -> Any:
        return self.ask(self.gets[book_number(turn)])

    def in_bulk_500(self, turn: int) -> Any:
        return self.ask(self.many, MANY)

    def create(self, turn: int) -> Any:
        return self.ask(self.puts[turn])

    def filter_20(self, turn: int) -> Any:
        index, gets = self.filters[author_of(book_number(turn))]
        self.ask(index)
        return self.ask(gets, BOOKS // AUTHORS)


class Orm:
    """Django on the database of an alias."""

    def __init__(self, alias: str) -> None:
        from benchmarks.shop.models import Author, Book, Genre

        self.alias = alias
        self.models = (Author, Genre, Book)
        self.books = Book.objects.using(alias)
        self.many = list(range(1, MANY + 1))

    def load(self) -> None:
        author, _, book = self.models
        with django.db.connections[self.alias].schema_editor() as editor:
            for model in self.models:
                editor.create_model(model)
        author.objects.using(self.alias).bulk_create(
            author(pk=number, **data.author_row(number))
            for number in range(1, AUTHORS + 1)
        )
        self.books.bulk_create(
            book(pk=number, **data.book_row(number, author_of(number)))
            for number in range(1, BOOKS + 1)
        )

    def clear(self) -> None:
        with django.db.connections[self.alias].schema_editor() as editor:
            for model in reversed(self.models):
                self.forget(model)
                editor.delete_model(model)

    def forget(self, model: Any) -> None:
        model.objects.using(self.alias).all()._raw_delete(self.alias)

    def get(self, turn: int) -> Any:
        return self.books.get(pk=book_number(turn))

    def in_bulk_500(self, turn: int) -> Any:
        return self.books.in_bulk(self.many)

    def create(self, turn: int) -> Any:
        return self.books.create(**data.book_row(BOOKS + turn, 1, data.PASSING_SHELF))

    def filter_20(self, turn: int) -> Any:
        return list(self.books.filter(author=author_of(book_number(turn))))

    def select_related_100(self, turn: int) -> Any:
        books = self.books.select_related("author").order_by("created")
        return [book.author.name for book in books[:100]]


def set_up(folder: str, host: str, counting: int) -> None:
    riak = {
        "ENGINE": "nonrel_backend.riak",
        "HOST": host,
        "NAME": f"bench_{uuid4().hex[:8]}",
        "OPTIONS": {"transactions": "none"},
    }
    sqlite = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(folder) / "bench.sqlite3"),
    }
    settings.configure(
        DATABASES={
            "default": riak,
            "sqlite": sqlite,
            "counted": {**riak, "HOST": f"127.0.0.1:{counting}"},
        },
        INSTALLED_APPS=["benchmarks.shop"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    django.setup()


def requests_of(server: StandInRiak, work: Callable[[int], Any]) -> Counter[str]:
    """Return the requests of one operation."""
    work(0)
    server.requests.clear()
    work(1)
    return Counter(server.requests)


def measure(work: Callable[[int], Any], turns: list[int]) -> float:
    start = time.perf_counter()
    for turn in turns:
        work(turn)
    return (time.perf_counter() - start) / len(turns)


class Results:
    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], list[float]] = defaultdict(list)

    def time(self, name: str, who: str) -> float | None:
        """Return the shortest time: other processes only make times longer."""
        return min(self.seconds[name, who], default=None)

    def ratio(self, name: str, over: str, under: str) -> float | None:
        first, second = self.time(name, over), self.time(name, under)
        return first / second if first and second else None

    def missed(self) -> list[str]:
        found = []
        for (name, over, under), most in MOST.items():
            ratio = self.ratio(name, over, under)
            if ratio is not None and ratio > most:
                found.append(
                    f"{name}: {over} takes {ratio:.2f} times {under}, more than {most}"
                )
        return found


def table(results: Results, requests: dict[str, Counter[str]]) -> str:
    rows = []
    for name in OPERATIONS:
        times = [results.time(name, who) for who in WHO]
        rows.append(
            (
                name,
                *(f"{seconds * 1e6:.0f}" if seconds else "-" for seconds in times),
                *(
                    shown(results.ratio(name, *pair))
                    for pair in (("client", "socket"), ("orm", "client"))
                ),
                ", ".join(
                    f"{count} {kind.removeprefix('Rpb')}"
                    for kind, count in requests[name].items()
                ),
            )
        )
    return as_table(
        (
            "operation",
            *(f"{who}, us" for who in WHO),
            "client / socket",
            "orm / client",
            "requests of the ORM's",
        ),
        rows,
    )


def run(rounds: int, who: dict[str, Any]) -> Results:
    results = Results()
    for number in range(rounds + 1):
        for name, times in OPERATIONS.items():
            first = number * TURNS_PER_ROUND
            turns = list(range(first, first + times))
            for label in sorted(who, key=lambda label: (WHO.index(label) + number) % 4):
                work = getattr(who[label], name, None)
                if work is None:
                    continue
                seconds = measure(work, turns)
                if number:  # The first round warms up.
                    results.seconds[name, label].append(seconds)
    return results


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=100)
    add("--strict", action="store_true", help="fail when a target is missed")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="nonrel-bench-") as folder,
        riak_host() as host,
        StandInRiak() as counting,
    ):
        set_up(folder, host, counting.port)
        print(f"on {named(host)}", flush=True)
        orm, sqlite, counted = Orm("default"), Orm("sqlite"), Orm("counted")
        for each in (orm, sqlite, counted):
            each.load()
        requests = {
            name: requests_of(counting, getattr(counted, name)) for name in OPERATIONS
        }
        bucket = django.db.connections["default"].bucket("shop_book")
        bare = Bare(Client(Pool(host)), bucket)
        turns = [
            number * TURNS_PER_ROUND + turn
            for number in range(options.rounds + 1)
            for turn in range(OPERATIONS["create"])
        ]
        who = {
            "socket": Socket(host, bare, turns),
            "client": bare,
            "orm": orm,
            "sqlite": sqlite,
        }
        try:
            results = run(options.rounds, who)
        finally:
            orm.clear()
    print(table(results, requests))
    missed = results.missed()
    print("\n".join(f"MISSED {each}" for each in missed) or "All targets are met.")
    return 1 if options.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
