"""Measure everyday queries on a million books: `python -m benchmarks.scale`."""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from nonrel_backend.testing.services.dynamodb import dynamodb_url

from ..report import as_table, geometric_mean
from ..run import (
    PEER_FOLDER,
    PEER_PACKAGES,
    Worker,
    WorkerError,
    names_of,
    prefix,
    python_with,
)
from ..server import Server
from .names import NAMES

BACKENDS = ["sqlite", "lmdb", "dynamodb", "raw", "ours", "peer"]
if os.environ.get("NONREL_ENGINE"):
    BACKENDS.append("engine")
# The backends of this package's toolkit.
OURS = ("lmdb", "dynamodb", "ours", "engine")
ON_MONGODB = ("raw", "ours", "peer")
COMPARED = (
    ("lmdb", "sqlite"),
    ("dynamodb", "sqlite"),
    ("engine", "sqlite"),
    ("ours", "raw"),
    ("ours", "peer"),
)
MOST_MEGABYTES = 400


class ScaleRun:
    """The workers, and their measurements."""

    def __init__(
        self, options: argparse.Namespace, uris: dict[str, str], folder: Path
    ) -> None:
        self.options = options
        self.folder = folder
        self.workers = {
            each: self.worker(each, uris.get(each, "")) for each in options.backends
        }
        # {(query, backend): the answers of measure()}, and the errors.
        self.found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.errors: dict[tuple[str, str], str] = {}

    def worker(self, backend: str, uri: str) -> Worker:
        name = str(self.folder / backend)
        if backend in ON_MONGODB:
            name = "scale_peer" if backend == "peer" else "scale"
        if backend == "dynamodb":
            name = "scale"
        if backend == "engine":
            name = prefix() + "_scale"
        python = sys.executable
        if backend == "peer":
            python = python_with(PEER_PACKAGES, PEER_FOLDER)
        return Worker(
            backend,
            uri,
            name,
            python=python,
            module="benchmarks.scale.worker",
        )

    def load(self) -> None:
        for backend, worker in self.workers.items():
            loaded = self.folder / f"{backend}.loaded"
            if backend != "raw" and not loaded.exists():
                taken = worker.ask("load", books=self.options.rows)["seconds"]
                print(f"{backend}: loaded in {taken:.0f} s", flush=True)
                loaded.touch()

    def measure(self, name: str) -> None:
        """Run a query on each backend; stop if their answers differ."""
        answers = {}
        for backend, worker in self.workers.items():
            if (name, backend) in self.errors:
                continue
            try:
                found = worker.ask("measure", name=name)
            except WorkerError as error:
                self.errors[name, backend] = error.args[0].splitlines()[0][:300]
                print(f"{name}, {backend}: {self.errors[name, backend]}", flush=True)
                continue
            self.found.setdefault((name, backend), []).append(found)
            answers[backend] = found
        if len({answer["digest"] for answer in answers.values()}) > 1:
            texts = [f"{backend}: {each['text']}" for backend, each in answers.items()]
            print("\n".join([f"THE ANSWERS DIFFER: {name}", *texts]), flush=True)

    def seconds(self, name: str, backend: str) -> float | None:
        """Return the median time of a query but for its first run."""
        found = self.found.get((name, backend), [])
        times = [each["seconds"] for each in found[1:] or found]
        return median(times) if times else None

    def cell(self, name: str, backend: str) -> str:
        found = self.seconds(name, backend)
        if found is None:
            return "failed"
        first = self.found[name, backend][0]["seconds"]
        return f"{1000 * found:.4g} ({1000 * first:.4g})"

    def ratio(self, name: str, over: str, under: str) -> float | None:
        times = self.seconds(name, over), self.seconds(name, under)
        return None if None in times else times[0] / times[1]  # type: ignore[operator]

    def megabytes(self, name: str, backend: str) -> float:
        found = self.found.get((name, backend), [])
        return max((each["megabytes"] for each in found), default=0)

    def report(self) -> str:
        ours = [each for each in OURS if each in self.workers]
        rows = [
            (
                name,
                *(self.cell(name, backend) for backend in self.workers),
                *(f"{self.megabytes(name, backend):.0f}" for backend in ours),
            )
            for name in self.options.only
        ]
        headings = ("query", *self.workers, *(f"{each} MB" for each in ours))
        lines = [as_table(headings, rows)]
        for over, under in COMPARED:
            ratios = [self.ratio(name, over, under) for name in self.options.only]
            known = [each for each in ratios if each is not None]
            if known:
                lines.append(
                    f"{over} / {under}: {geometric_mean(known):.2f} in the geometric "
                    f"mean of {len(known)}, {max(known):.1f} at most"
                )
        return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--rows", type=int, default=1_000_000, help="how many books")
    add("--rounds", type=int, default=3)
    add("--only", type=names_of(NAMES), default=list(NAMES))
    add("--backends", type=names_of(BACKENDS), default=list(BACKENDS))
    add("--keep", help="a folder for the stores, used again by the next run")
    add("--explain", action="store_true", help="print our plans, measure nothing")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="nonrel-scale-")
        )
        folder = Path(options.keep or folder)
        uris = {}
        if set(options.backends) & set(ON_MONGODB):
            uri = stack.enter_context(Server(os.environ.get("MONGODB_URI"))).uri
            uris = dict.fromkeys(ON_MONGODB, uri)
        if "dynamodb" in options.backends:
            file = folder / "dynamodb" if options.keep else None
            uris["dynamodb"] = stack.enter_context(dynamodb_url(file))
        run = ScaleRun(options, uris, folder)
        try:
            run.load()
            if options.explain:
                for name in options.only:
                    for backend in set(run.workers) & {*OURS}:
                        found = run.workers[backend].ask("explain", name=name)
                        print(f"{name}, {backend}:", *found["queries"], sep="\n  ")
                return 0
            for _ in range(options.rounds):
                for name in options.only:
                    run.measure(name)
            for backend in set(run.workers) & {"engine", "dynamodb"}:
                if not options.keep:
                    run.workers[backend].ask("drop")
        finally:
            for worker in run.workers.values():
                worker.close()
    print(run.report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
