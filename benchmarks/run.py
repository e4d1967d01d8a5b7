"""Run the benchmarks: `python -m benchmarks.run` or `make bench`; see README.md here.

Each backend has a worker process. The workers do each operation in turn, round by
round, on one mongod.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import report
from benchmarks.data import SCALES
from benchmarks.operations import OPERATIONS, WRITING, times
from benchmarks.server import Server
from nonrel_backend.backends import from_environment

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("raw", "sqlite", "peer", "ours")
# The backends whose failures are shown in full: all but the peer.
OURS = ("raw", "sqlite", "ours", "sqlite-wal", "lmdb", "engine")
PEER_FOLDER = ROOT / ".cache" / "benchmark-peer"
PEER_PACKAGES = ("django-mongodb-backend==5.2.4", "Django>=5.2,<5.3")
# An operation chooses other rows in each round.
TURNS_PER_ROUND = 1_000


class WorkerError(Exception):
    """A command failed in a worker. The arguments are its error and traceback."""


class Worker:
    """A worker process, as the parent sees it."""

    def __init__(
        self,
        backend: str,
        *arguments: str,
        python: str,
        module: str = "benchmarks.worker",
    ):
        self.backend = backend
        self.process = subprocess.Popen(
            [python, "-m", module, backend, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        line = json.dumps({"command": command, **arguments})
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answered = self.process.stdout.readline()
        except BrokenPipeError:
            answered = ""
        if not answered:
            raise SystemExit(f"The worker of {self.backend} died; see above.")
        answer = json.loads(answered)
        if "error" in answer:
            raise WorkerError(answer["error"], answer["traceback"])
        return answer

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def python_with(packages: tuple[str, ...], folder: Path) -> str:
    """Return the Python of an environment with packages, which is made if missing."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        print(f"Installing {', '.join(packages)} into {folder} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *packages], check=True)
    return str(python)


class Run:
    """One run: the workers, and their measurements."""

    def __init__(self, options: argparse.Namespace, server: Any, folder: str) -> None:
        self.options = options
        self.server = server
        self.folder = folder
        self.run_id = uuid4().hex[:8]
        self.effort = SCALES[options.scale].effort
        self.workers = [self.worker(backend) for backend in options.backends]
        self.seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.cpu: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.errors: dict[tuple[str, str], str] = {}

    def database(self, backend: str) -> str:
        if backend == "sqlite":
            return str(Path(self.folder) / "bench.sqlite3")
        return f"bench_{self.run_id}_{backend}"

    def python(self, backend: str) -> str:
        if backend != "peer":
            return sys.executable
        return self.options.peer_python or python_with(PEER_PACKAGES, PEER_FOLDER)

    def times(self, name: str, backend: str) -> int:
        return times(name, self.effort)

    def worker(self, backend: str) -> Worker:
        return Worker(
            backend,
            self.options.scale,
            self.server.uri,
            self.database(backend),
            python=self.python(backend),
        )

    def load(self) -> None:
        for worker in self.workers:
            taken = worker.ask("load")["seconds"]
            print(f"{worker.backend}: data loaded in {taken:.1f} s", flush=True)
        self.compare_states("loading")

    def compare_states(self, when: str) -> None:
        answers = {worker.backend: worker.ask("state") for worker in self.workers}
        self.compare(f"the state after {when}", answers)

    def compare(self, what: str, answers: dict[str, dict[str, Any]]) -> None:
        if len({answer["digest"] for answer in answers.values()}) > 1:
            lines = [f"{name}: {each['answer']}" for name, each in answers.items()]
            raise SystemExit("\n".join([f"The answers differ: {what}", *lines]))

    def round(self, number: int, recorded: bool) -> None:
        # The worker that is first in a round is last in the next.
        shift = number % len(self.workers)
        workers = self.workers[shift:] + self.workers[:shift]
        for name in self.options.only:
            answers = {}
            for worker in workers:
                if (name, worker.backend) in self.errors:
                    continue
                answer = self.measure(worker, name, number, recorded)
                if answer is not None:
                    answers[worker.backend] = answer
            self.compare(name, answers)
        if not any(name in WRITING for name, _ in self.errors):
            self.compare_states(f"round {number}")

    def measure(
        self, worker: Worker, name: str, number: int, recorded: bool
    ) -> dict[str, Any] | None:
        """Have a worker do an operation. Return its answer, None if it fails."""
        repeat = self.times(name, worker.backend) if recorded else 1
        turn = number * TURNS_PER_ROUND
        before = self.server.cpu_seconds()
        try:
            answer = worker.ask("measure", name=name, times=repeat, turn=turn)
        except WorkerError as error:
            message, trace = error.args
            self.errors[name, worker.backend] = message.splitlines()[0][:200]
            if worker.backend in OURS:
                print(trace, file=sys.stderr, flush=True)
            return None
        server = self.server.cpu_seconds() - before
        if recorded:
            self.seconds[name, worker.backend].append(answer["seconds"])
            self.cpu[name, worker.backend].append(
                answer["cpu"] + server / answer["done"]
            )
        return answer

    def named(self, backend: str) -> Worker | None:
        return next((each for each in self.workers if each.backend == backend), None)

    def local(self) -> bool:
        """Measure local plans, and return whether the targets are met."""
        ours, raw = self.named("ours"), self.named("raw")
        met = True
        if ours and raw:
            pairs = [
                (raw.ask("local_plan"), ours.ask("local_plan"))
                for _ in range(max(2, self.options.rounds))
            ]
            best = [
                min(each, key=lambda answer: answer["seconds"])
                for each in zip(*pairs, strict=True)
            ]
            text, met = report.local_section(*best)
            print(text, flush=True)
        if ours and self.options.million:
            ours.ask("load_million", count=self.options.million)
            fresh = self.worker("ours")
            try:
                text, small = report.million_section(fresh.ask("million"))
            finally:
                fresh.close()
            print(text, flush=True)
            met = met and small
        return met

    def profile(self) -> None:
        worker = self.named("ours")
        assert worker is not None
        worker.ask("load")
        for name in self.options.profile:
            repeat = times(name, self.effort)
            answer = worker.ask("profile", name=name, times=repeat)
            print(f"== {name}, {repeat} times", *answer["queries"], sep="\n")
            print(answer["text"], flush=True)

    def results(self) -> report.Results:
        return report.Results(dict(self.seconds), dict(self.cpu), self.errors)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


def prefix() -> str:
    """Return what the names of the databases of NONREL_ENGINE begin with."""
    return str(from_environment().get("NAME", "bench"))


def names_of(choices: Any) -> Callable[[str], list[str]]:
    """Return a parser of comma-separated names out of `choices`."""

    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in choices:
                raise argparse.ArgumentTypeError(
                    f"{name!r} is none of {', '.join(choices)}"
                )
        return names

    return parse


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--scale", choices=SCALES, default="full", help="small: a smoke test")
    add("--rounds", type=int, default=5)
    add("--only", type=names_of(OPERATIONS), default=list(OPERATIONS))
    add("--backends", type=names_of(BACKENDS), default=list(BACKENDS))
    add("--million", type=int, nargs="?", const=1_000_000, default=0, metavar="ROWS")
    add("--profile", type=names_of(OPERATIONS), help="profile ours, measure nothing")
    add("--no-local", action="store_true", help="skip the section about local plans")
    add("--peer-python", help="the Python that has the peer installed")
    add("--json", type=Path, help="also write the medians to this file")
    add("--strict", action="store_true", help="fail when a target is missed")
    options = parser.parse_args(arguments)
    if options.profile:
        options.backends = ["ours"]
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    start = time.monotonic()
    met = True
    with (
        tempfile.TemporaryDirectory(prefix="nonrel-bench-") as folder,
        Server(os.environ.get("MONGODB_URI")) as server,
    ):
        run = Run(options, server, folder)
        try:
            if options.profile:
                run.profile()
                return 0
            run.load()
            run.round(0, recorded=False)
            for number in range(1, options.rounds + 1):
                run.round(number, recorded=True)
                taken = time.monotonic() - start
                print(f"round {number} done ({taken:.0f} s)", flush=True)
            if not options.no_local:
                met = run.local()
        finally:
            run.close()
    results = run.results()
    print(report.table(results))
    print(report.summary(results))
    if options.json:
        options.json.write_text(json.dumps(as_data(results), indent=1))
    failed = any(backend != "peer" for _, backend in results.errors)
    missed = bool(report.targets(results)) or not met
    return 1 if failed or (options.strict and missed) else 0


def as_data(results: report.Results) -> dict[str, Any]:
    """Return the medians in seconds, by operation and backend."""
    return {
        name: {backend: results.time(name, backend) for backend in BACKENDS}
        for name in results.names()
    }


if __name__ == "__main__":
    sys.exit(main())
