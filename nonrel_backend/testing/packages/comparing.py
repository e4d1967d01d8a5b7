"""Run the packages' suites on a backend and on SQLite, and compare them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...backends import engine_of
from ..services.addresses import HOST_VARIABLES
from .recorder import DATABASE_VARIABLE
from .suites import Package, fetch

# {backend: {package: {test: why it differs from SQLite}}}; the list only shrinks.
EXPECTED = Path(__file__).with_name("expected.toml")
IN_MEMORY = {"lmdb", "sqlite"}
# Seconds for a package's suite.
TIMEOUT = 7200
Outcomes = dict[str, str]


@dataclass
class Run:
    """A package's suite on one backend: the outcomes, and the client's CPU seconds."""

    package: Package
    backend: str
    outcomes: Outcomes
    seconds: float

    @property
    def passed(self) -> int:
        return list(self.outcomes.values()).count("passed")


def run_suite(
    package: Package, backend: str, cache: Path, tests: Sequence[str] = ()
) -> Run:
    """Run a package's own tests on a backend, in a fresh copy of the distribution.

    `tests` are the names of those to be run, all by default.

    Files that an earlier run left would change the outcomes. The output is in the log
    beside the record. Raise SystemExit if no record is written.
    """
    original = fetch(package, (cache / "packages").resolve())
    results = cache / "package-suites" / backend
    results.mkdir(parents=True, exist_ok=True)
    suffix = "-again" if tests else ""
    record = (results / f"{package.name}{suffix}.json").resolve()
    record.unlink(missing_ok=True)
    command = [sys.executable, "-m", "nonrel_backend.testing.packages.recorder"]
    command += [str(record), *package.command.split()]
    command += tests or package.labels.split()
    with (
        open(record.with_suffix(".log"), "wb") as log,
        tempfile.TemporaryDirectory() as folder,
    ):
        source = Path(shutil.copytree(original, Path(folder) / original.name))
        # Not this repository: its `tests` would be found instead of the package's.
        environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"}
        environment[DATABASE_VARIABLE] = json.dumps(database(package, backend))
        subprocess.run(
            command,
            cwd=source / package.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
        )
    if not record.is_file():
        raise SystemExit(f"{package.name} has not ended: see {log.name}.")
    found = json.loads(record.read_text())
    return Run(package, backend, found["outcomes"], found["seconds"])


def database(package: Package, backend: str) -> dict[str, Any]:
    """Return the entry of DATABASES: some packages name PostgreSQL there."""
    name = "packages_" + package.name.replace("-", "_")
    host = os.environ.get(HOST_VARIABLES.get(engine_of(backend), ""), "")
    return {
        "ENGINE": engine_of(backend),
        "NAME": ":memory:" if backend in IN_MEMORY else name + "_{alias}",
        **({"HOST": host} if host else {}),
    }


def run_again(run: Run, sqlite: Run, cache: Path) -> list[str]:
    """Run the unexpected differences again alone; return those that pass then.

    A test that freezes the time, or waits for it, may fail where the machine is busy.
    """
    found = [name for name in differences(run, sqlite) if name not in expected(run)]
    if not found:
        return []
    again = run_suite(run.package, run.backend, cache, found)
    passed = [name for name in found if again.outcomes.get(name) == "passed"]
    run.outcomes.update(dict.fromkeys(passed, "passed"))
    return passed


def differences(run: Run, sqlite: Run) -> list[str]:
    """Return the tests that pass on SQLite, and not on the backend."""
    return [
        name
        for name, outcome in sqlite.outcomes.items()
        if outcome == "passed" and run.outcomes.get(name) != "passed"
    ]


def expected(run: Run) -> dict[str, str]:
    """Return {test: reason} for what is known to differ from SQLite."""
    listed = tomllib.loads(EXPECTED.read_text())
    found: dict[str, str] = listed.get(run.backend, {}).get(run.package.name, {})
    return found


def surprises(run: Run, sqlite: Run) -> Iterator[str]:
    """Yield what differs from the list of expected differences, as lines."""
    listed, found = expected(run), differences(run, sqlite)
    yield from (
        f"passes on SQLite only: {name}" for name in found if name not in listed
    )
    yield from (
        f"passes now, remove it: {name}" for name in listed if name not in found
    )


def table(runs: Sequence[tuple[Run, Sequence[Run]]]) -> str:
    """Return a Markdown table of (the run on SQLite, those on the backends)."""
    backends = [run.backend for run in runs[0][1]]
    titles = ["package", "kind", "tests", "passed on SQLite"]
    titles += [f"passed on {backend}" for backend in backends]
    titles += ["client seconds on SQLite", *(f"on {backend}" for backend in backends)]
    rows = [titles, ["---"] * len(titles)]
    for sqlite, others in runs:
        package = sqlite.package
        rows.append(
            [
                f"{package.name} {package.version}",
                package.kind,
                *map(str, (len(sqlite.outcomes), sqlite.passed)),
                *(str(other.passed) for other in others),
                *(f"{run.seconds:.1f}" for run in (sqlite, *others)),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page(runs: Sequence[tuple[Run, Sequence[Run]]]) -> str:
    """Return the Markdown page for docs/: the table, and each expected difference."""
    lines = [
        "# Other people's packages",
        "",
        "The test suites of these packages, unmodified, with nothing but DATABASES",
        "changed. Made by `python runtests.py packages --save FILE`, which compares",
        "each test with SQLite.",
        "",
        table(runs),
        "",
        "## What differs from SQLite",
    ]
    for _, others in runs:
        for run in others:
            if found := expected(run):
                lines += ["", f"### {run.package.name} on {run.backend}", ""]
                lines += [f"* `{name}`: {why}" for name, why in found.items()]
    return "\n".join([*lines, ""])
