"""Measure the DynamoDB backend: `python -m benchmarks.dynamodb`; see ../README.md.

boto3 by hand, PynamoDB, and the ORM on DynamoDB and on SQLite do the same in turn, on
one server: a new one, or that of DYNAMODB_URL.
"""

import argparse
import cProfile
import gc
import os
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from statistics import mean, median
from typing import Any
from unittest import mock
from uuid import uuid4

import django
from django.conf import settings

from nonrel_backend.testing.services.dynamodb import CREDENTIALS, DynamoServer

from ..answers import Bag, digest
from ..report import as_table, geometric_mean, shown
from ..run import names_of
from ..server import cpu_seconds
from . import rows
from .metering import Consumed, consumed_by

# The operations, and how often a round does each.
OPERATIONS = {
    "get": 100,
    "query_300": 5,
    "create": 30,
    "bulk_create_1000": 1,
    "update_add": 30,
    "delete": 20,
    "first_20": 20,
    "count": 20,
    "join": 5,
}
# What is measured besides: it is not in the means.
BESIDES = {"select_related": 20, "bulk_batches_1000": 1}
ALL = {**OPERATIONS, **BESIDES}
SIDES = ("boto3", "pynamodb", "ours", "sqlite", "boto3-global", "pynamodb-global")
MOST_IN_THE_MEAN, MOST_OF_PYNAMODB = 1.3, 1.0
TURNS_PER_ROUND = 1_000
UNORDERED = ("query_300", "join")


def set_up(url: str, with_ours: bool) -> None:
    """Configure Django; the tables of our backend have a prefix of this run."""
    # In memory, as the server's data is: it shows what the ORM itself costs.
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    databases: dict[str, Any] = {"default": sqlite}
    if with_ours:
        options = {"endpoint_url": url, "prefix": f"bench_{uuid4().hex[:8]}_"}
        ours = {"ENGINE": "nonrel_backend.dynamodb", "OPTIONS": options}
        batches = {**ours, "OPTIONS": {**options, "bulk": "batches"}}
        databases |= {"ours": ours, "batches": batches}
    settings.configure(
        DATABASES=databases,
        INSTALLED_APPS=["benchmarks.dynamodb"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    django.setup()


def make_side(name: str, url: str) -> Any:
    """Return the operations of a side. Only what is asked for is imported."""
    if name in ("ours", "sqlite"):
        from .orm import Orm

        return Orm("ours", "batches") if name == "ours" else Orm("default")
    if name.startswith("boto3"):
        from .hand import Hand, HandGlobal

        return Hand(url) if name == "boto3" else HandGlobal(url)
    from .pynamo import Pynamo, PynamoGlobal

    return Pynamo(url) if name == "pynamodb" else PynamoGlobal(url)


def before(side: Any, name: str, turns: range) -> None:
    if name == "delete":
        side.put([rows.passing_row(rows.DELETED + turn) for turn in turns])


def after(side: Any, name: str, turns: range) -> None:
    if name == "create":
        side.remove([rows.passing_row(rows.CREATED + turn) for turn in turns])
    elif name in ("bulk_create_1000", "bulk_batches_1000"):
        for turn in turns:
            side.remove(rows.many_rows(turn))


def comparable(name: str, answer: Any) -> Any:
    """Return an answer without what differs from side to side."""
    if isinstance(answer, list):
        answer = [getattr(each, "attribute_values", each) for each in answer]
        return Bag(answer) if name in UNORDERED else answer
    return getattr(answer, "attribute_values", answer)


class Run:
    """The sides, and their measurements."""

    def __init__(self, options: argparse.Namespace, url: str, pid: int | None) -> None:
        self.options = options
        self.pid = pid
        self.sides = {name: make_side(name, url) for name in options.sides}
        # By (operation, side), a figure of each round.
        self.seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.cpu: dict[tuple[str, str], list[float]] = defaultdict(list)
        # By (operation, side), what one operation consumes.
        self.consumed: dict[tuple[str, str], Consumed] = {}

    def load(self) -> None:
        for name, side in self.sides.items():
            start = time.perf_counter()
            side.load()
            print(f"{name}: loaded in {time.perf_counter() - start:.1f} s", flush=True)

    def warm_up(self) -> None:
        """Do each operation once, and again to count what it consumes."""
        for name in self.options.only:
            for label, side in self.sides.items():
                self.perform(name, label, range(1))
                turns = range(1, 2)
                before(side, name, turns)
                with consumed_by(side) as found:
                    getattr(side, name)(1)
                after(side, name, turns)
                self.consumed[name, label] = found

    def round(self, number: int) -> None:
        first = number * TURNS_PER_ROUND
        labels = list(self.sides)
        shift = number % len(labels)
        for name in self.options.only:
            answers = {}
            turns = range(first, first + ALL[name])
            for label in labels[shift:] + labels[:shift]:
                seconds, cpu, answer = self.perform(name, label, turns)
                self.seconds[name, label].append(seconds)
                self.cpu[name, label].append(cpu)
                answers[label] = answer
            self.compare(name, answers)

    def perform(self, name: str, label: str, turns: range) -> tuple[float, float, Any]:
        """Return the seconds and CPU seconds of one operation, and the first answer."""
        side = self.sides[label]
        before(side, name, turns)
        work: Callable[[int], Any] = getattr(side, name)
        gc.collect()
        at_server, at_client = cpu_seconds(self.pid), time.process_time()
        start = time.perf_counter()
        answer = work(turns[0])
        for turn in turns[1:]:
            work(turn)
        seconds = time.perf_counter() - start
        cpu = time.process_time() - at_client + cpu_seconds(self.pid) - at_server
        after(side, name, turns)
        return seconds / len(turns), cpu / len(turns), comparable(name, answer)

    def compare(self, what: str, answers: dict[str, Any]) -> None:
        found = {label: digest(answer) for label, answer in answers.items()}
        if len({hashed for hashed, _ in found.values()}) > 1:
            lines = [f"{label}: {text}" for label, (_, text) in found.items()]
            raise SystemExit("\n".join([f"The answers differ: {what}", *lines]))

    def compare_states(self) -> None:
        """Compare all books, after the writes."""
        turns = range(rows.SHELVES)
        self.compare(
            "all books",
            {
                label: [comparable("query_300", side.query_300(turn)) for turn in turns]
                for label, side in self.sides.items()
            },
        )

    def profile(self, name: str, label: str) -> None:
        side, turns = self.sides[label], range(10, 10 + ALL[name])
        self.perform(name, label, range(10))
        before(side, name, turns)
        work, profiler = getattr(side, name), cProfile.Profile()
        profiler.enable()
        for turn in turns:
            work(turn)
        profiler.disable()
        after(side, name, turns)
        print(f"== {name}, {len(turns)} times")
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


class Report:
    """The tables of a run, and the targets that it misses."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.names = run.options.only

    def time(self, name: str, side: str) -> float | None:
        found = self.run.seconds.get((name, side))
        return median(found) if found else None

    def cpu(self, name: str, side: str) -> float | None:
        # A server's CPU time is known to a hundredth of a second: no median.
        found = self.run.cpu.get((name, side))
        return mean(found) if found else None

    def ratios(self, name: str, *under: str) -> tuple[float | None, float | None]:
        """Return the ratios of our time and CPU time to others' sums."""
        found = []
        for figure in (self.time, self.cpu):
            ours, *others = (figure(name, side) for side in ("ours", *under))
            known = [each for each in others if each is not None]
            complete = ours is not None and len(known) == len(under) and sum(known)
            found.append(ours / sum(known) if complete and ours else None)
        return found[0], found[1]

    def times(self) -> str:
        lines = []
        for name in self.names:
            lines.append(
                (
                    name,
                    *(self.cell(name, side) for side in self.run.sides),
                    shown(*self.ratios(name, "boto3", "sqlite")),
                    shown(*self.ratios(name, "pynamodb")),
                )
            )
        headings = ("ms [CPU]", *self.run.sides)
        return as_table(
            (*headings, "ours / (boto3 + SQLite)", "ours / PynamoDB"), lines
        )

    def cell(self, name: str, side: str) -> str:
        seconds, cpu = self.time(name, side), self.cpu(name, side)
        if seconds is None or cpu is None:
            return "-"
        return f"{seconds * 1e3:.4g} [{cpu * 1e3:.4g}]"

    def requests(self) -> str:
        sides = [side for side in self.run.sides if side != "sqlite"]
        lines = [
            (name, *(str(self.run.consumed[name, side]) for side in sides))
            for name in self.names
        ]
        return as_table(("requests, units read + written", *sides), lines)

    def missed(self) -> list[str]:
        """Return a sentence for each target that the run misses."""
        found = []
        mean_ratio = self.mean_ratio("boto3", "sqlite")[0]
        if mean_ratio is not None and mean_ratio > MOST_IN_THE_MEAN:
            found.append(
                f"the geometric mean of ours / (boto3 + SQLite) is {mean_ratio:.2f}, "
                f"more than {MOST_IN_THE_MEAN}"
            )
        for name in self.names:
            ratio = self.ratios(name, "pynamodb")[0]
            if ratio is not None and ratio > MOST_OF_PYNAMODB:
                found.append(f"{name}: {ratio:.2f} times PynamoDB")
            asked, by_hand = (
                self.run.consumed.get((name, side)) for side in ("ours", "boto3")
            )
            if asked and by_hand and asked.requests > by_hand.requests:
                found.append(
                    f"{name}: {asked.requests} requests, by hand {by_hand.requests}"
                )
        return found

    def mean_ratio(self, *under: str) -> tuple[float | None, float | None]:
        pairs = [self.ratios(name, *under) for name in self.names if name in OPERATIONS]
        found = []
        for each in zip(*pairs, strict=True):
            known = [ratio for ratio in each if ratio]
            found.append(geometric_mean(known) if known else None)
        return (found[0], found[1]) if found else (None, None)

    def text(self) -> str:
        lines = [
            f"geometric mean of ours / {what}, of the issue's "
            f"{len(OPERATIONS)}: {shown(*self.mean_ratio(*under))}"
            for what, under in (
                ("(boto3 + SQLite)", ("boto3", "sqlite")),
                ("PynamoDB", ("pynamodb",)),
            )
        ]
        missed = [f"MISSED {each}" for each in self.missed()]
        return "\n".join([self.times(), "", self.requests(), "", *lines, *missed])


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=10)
    add("--only", type=names_of(ALL), default=list(ALL))
    add("--sides", type=names_of(SIDES), default=list(SIDES))
    add("--profile", choices=SIDES, help="profile a side, measure nothing")
    add("--strict", action="store_true", help="fail when a target is missed")
    options = parser.parse_args(arguments)
    if options.profile:
        options.sides = [options.profile]
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    with ExitStack() as stack:
        new = {name: CREDENTIALS[name] for name in CREDENTIALS.keys() - os.environ}
        stack.enter_context(mock.patch.dict(os.environ, new))
        url, pid = os.environ.get("DYNAMODB_URL"), None
        if not url:
            server = stack.enter_context(DynamoServer())
            url = server.url
            pid = server.process.pid if server.process else None
        set_up(url, "ours" in options.sides)
        run = Run(options, url, pid)
        run.load()
        if options.profile:
            for name in options.only:
                run.profile(name, options.profile)
            return 0
        run.warm_up()
        for number in range(1, options.rounds + 1):
            run.round(number)
            print(f"round {number} done", flush=True)
        run.compare_states()
    report = Report(run)
    print(report.text())
    return 1 if options.strict and report.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
