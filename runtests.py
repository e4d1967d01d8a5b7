#!/usr/bin/env python
"""Run our own tests, Django's suite, or those of other packages, on a backend.

runtests.py [--backend lmdb] [pytest arguments]
runtests.py django [APP ...] [--backend lmdb] [--quick] [--parallel N]
runtests.py packages [PACKAGE ...] [--backends lmdb mongodb] [--save FILE]
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from nonrel_backend.testing.django_suite.command import run as django_suite
from nonrel_backend.testing.packages.comparing import page as packages_page
from nonrel_backend.testing.packages.comparing import run_again, run_suite, surprises
from nonrel_backend.testing.packages.comparing import table as packages_table
from nonrel_backend.testing.packages.suites import PACKAGES
from nonrel_backend.testing.services.addresses import server

ROOT = Path(__file__).resolve().parent
BACKENDS = ("lmdb", "mongodb", "riak", "dynamodb", "template", "sqlite")


def run_own(arguments: list[str]) -> int:
    """Run our own tests with pytest. Return its exit code."""
    parser = argparse.ArgumentParser(prog="runtests.py", allow_abbrev=False)
    parser.add_argument("--backend", choices=BACKENDS, default="lmdb")
    options, pytest_arguments = parser.parse_known_args(arguments)
    os.environ["NONREL_ENGINE"] = options.backend
    with server(options.backend):
        command = [sys.executable, "-m", "pytest", *(pytest_arguments or ["tests"])]
        return subprocess.run(command, cwd=ROOT).returncode


def run_django(arguments: list[str]) -> int:
    """Run apps of Django's suite. Return 0 if no test failed, else 1."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--backend", default="lmdb")
    options, rest = parser.parse_known_args(arguments)
    command = ["--engine", options.backend, "--cache", str(ROOT / ".cache"), *rest]
    return django_suite(command, prog="runtests.py django")


def run_packages(arguments: list[str]) -> int:
    """Run other packages' suites. Return 0 if they differ from SQLite as expected."""
    parser = argparse.ArgumentParser(prog="runtests.py packages")
    names = [package.name for package in PACKAGES]
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=" ".join(names))
    parser.add_argument("--backends", nargs="+", default=["lmdb", "mongodb"])
    parser.add_argument("--save", type=Path, help="also write a page to this file")
    options = parser.parse_args(arguments)
    runs, wrong = [], 0
    for package in PACKAGES:
        if options.packages and package.name not in options.packages:
            continue
        sqlite, others = run_suite(package, "sqlite", ROOT / ".cache"), []
        for backend in options.backends:
            with server(backend):
                others.append(run_suite(package, backend, ROOT / ".cache"))
                again = run_again(others[-1], sqlite, ROOT / ".cache")
            lines = [*surprises(others[-1], sqlite)]
            wrong += len(lines)
            lines += [f"failed, but passed when it was run again: {x}" for x in again]
            print(
                f"{package.name}: {others[-1].passed} passed on {backend}, "
                f"{sqlite.passed} on SQLite",
                *lines,
                sep="\n    ",
                flush=True,
            )
        runs.append((sqlite, others))
    print(f"\n{packages_table(runs)}\n")
    if options.save:
        options.save.write_text(packages_page(runs))
    return 1 if wrong else 0


if __name__ == "__main__":
    # On SIGTERM, too, stop the server that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.argv[1:2] == ["django"]:
        sys.exit(run_django(sys.argv[2:]))
    if sys.argv[1:2] == ["packages"]:
        sys.exit(run_packages(sys.argv[2:]))
    sys.exit(run_own(sys.argv[1:]))
