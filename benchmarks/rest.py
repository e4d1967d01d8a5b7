"""Measure REST: `python -m benchmarks.rest`. See README.md in this folder.

It compares our resources with django-tastypie, Django REST framework and django-ninja:
a list of 20, a detail, a create and a PATCH, in turns, round by round.
"""

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from uuid import uuid4

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import restmillion
from benchmarks.report import as_table
from benchmarks.run import PEER_PACKAGES, ROOT, Worker, python_with
from benchmarks.server import Server

OPERATIONS = ("list", "detail", "create", "patch")
OTHERS = ("tastypie", "drf", "ninja")
# The libraries on each database. The peer is django-mongodb-backend.
STORES = {
    "sqlite": ("ours", *OTHERS),
    "lmdb": ("ours",),
    "mongodb": ("ours",),
    "peer": OTHERS,
}
SERVED = ("mongodb", "peer")
PEER_FOLDER = ROOT / ".cache" / "benchmark-rest-peer"
REST_PACKAGES = (
    "django-tastypie==0.15.1",
    "djangorestframework==3.18.3",
    "django-ninja==1.7.1",
)
# (operation, ours, theirs, the least ratio of requests per second).
TARGETS = [
    ("list", ("sqlite", "ours"), ("sqlite", "tastypie"), 1.5),
    *((each, ("sqlite", "ours"), ("sqlite", "ninja"), 1.0) for each in OPERATIONS),
    ("list", ("mongodb", "ours"), ("peer", "tastypie"), 2.5),
]
Place = tuple[str, str]


class RestRun:
    """The workers of a run, and their results."""

    def __init__(self, options: argparse.Namespace, uri: str, folder: str) -> None:
        self.options = options
        # By operation and place, one value per round.
        self.seconds: dict[tuple[str, Place], list[float]] = defaultdict(list)
        self.cpu: dict[tuple[str, Place], list[float]] = defaultdict(list)
        self.workers: dict[Place, Worker] = {}
        for store in options.stores:
            name = self.database(store, folder)
            for library in STORES[store]:
                self.workers[store, library] = self.worker(library, store, uri, name)
            # All libraries use one database.
            self.workers[store, STORES[store][0]].ask("load")

    def worker(self, library: str, store: str, uri: str, name: str) -> Worker:
        return Worker(
            library,
            store,
            uri if store in SERVED else "",
            name,
            python=self.python(store),
            module="benchmarks.restworker",
        )

    def million(self, folder: str) -> str:
        """Return the results of a long list on LMDB, each in a process of its own."""
        name = str(Path(folder) / "million.lmdb")

        def fresh(command: str, **options: int) -> dict:
            worker = self.worker("readings", "lmdb", "", name)
            try:
                return worker.ask(command, **options)
            finally:
                worker.close()

        fresh("load_million", count=self.options.million)
        return restmillion.section(fresh("export"), fresh("depth"))

    def database(self, store: str, folder: str) -> str:
        if store in SERVED:
            return f"bench_{uuid4().hex[:8]}_{store}"
        return str(Path(folder) / f"bench.{store}")

    def python(self, store: str) -> str:
        if store != "peer":
            return sys.executable
        packages = (*PEER_PACKAGES, *REST_PACKAGES)
        return self.options.peer_python or python_with(packages, PEER_FOLDER)

    def round(self, number: int, kept: bool) -> None:
        # The first in a round is the last in the next.
        places = list(self.workers)
        shift = number % len(places)
        for operation in OPERATIONS:
            for place in places[shift:] + places[:shift]:
                answer = self.workers[place].ask(
                    "measure", operation=operation, seconds=self.options.seconds
                )
                if kept:
                    self.seconds[operation, place].append(answer["seconds"])
                    self.cpu[operation, place].append(answer["cpu"])

    def table(self) -> str:
        headings = ["operation", *(f"{name}, {store}" for store, name in self.workers)]
        rows = []
        for operation in OPERATIONS:
            cells = [operation]
            for place in self.workers:
                rate = 1 / median(self.seconds[operation, place])
                cpu = 1000 * median(self.cpu[operation, place])
                cells.append(f"{rate:.0f} [{cpu:.2f}]")
            rows.append(tuple(cells))
        return as_table(tuple(headings), rows)

    def targets(self) -> tuple[str, bool]:
        lines, met = [], True
        for operation, ours, theirs, least in TARGETS:
            if not {ours, theirs} <= set(self.workers):
                continue
            rate, cpu = (
                median(found[operation, theirs]) / median(found[operation, ours])
                for found in (self.seconds, self.cpu)
            )
            met = met and rate >= least
            lines.append(
                f"{'met   ' if rate >= least else 'MISSED'} {operation}: {rate:.2f} "
                f"times the rate of {theirs[1]}, {theirs[0]} (at least {least}); "
                f"its CPU is {cpu:.2f} times ours"
            )
        return "\n".join(lines), met

    def profile(self) -> None:
        for (store, library), worker in self.workers.items():
            if library == "ours":
                answer = worker.ask("profile", operation=self.options.profile)
                print(f"== {self.options.profile} on {store}", answer["text"], sep="\n")

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--stores", default=",".join(STORES), help="some of them, by comma")
    add("--rounds", type=int, default=15)
    add("--seconds", type=float, default=0.3, help="of one operation in one round")
    add("--million", type=int, nargs="?", const=1_000_000, default=0, metavar="ROWS")
    add("--peer-python", help="the Python that has the peer and the libraries")
    add("--profile", choices=OPERATIONS, help="profile ours, measure nothing")
    add("--strict", action="store_true", help="fail when a target is missed")
    options = parser.parse_args(arguments)
    options.stores = options.stores.split(",")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    with tempfile.TemporaryDirectory(prefix="nonrel-bench-") as folder:
        if set(SERVED) & set(options.stores):
            with Server(os.environ.get("MONGODB_URI")) as server:
                return measured(options, server.uri, folder)
        return measured(options, "", folder)


def measured(options: argparse.Namespace, uri: str, folder: str) -> int:
    run = RestRun(options, uri, folder)
    try:
        if options.profile:
            run.profile()
            return 0
        run.round(0, kept=False)
        for number in range(1, options.rounds + 1):
            run.round(number, kept=True)
            print(f"round {number} done", flush=True)
        if options.million:
            print(run.million(folder), flush=True)
    finally:
        run.close()
    text, met = run.targets()
    print("Requests per second [CPU of one request in ms]", run.table(), text, sep="\n")
    return 1 if options.strict and not met else 0


if __name__ == "__main__":
    sys.exit(main())
