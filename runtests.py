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
import time
from contextlib import nullcontext
from pathlib import Path

import django

from nonrel_backend.testing.django_suite.suite import (
    ENGINES,
    AppResult,
    Suite,
    page,
    table,
    total,
)
from nonrel_backend.testing.packages.comparing import page as packages_page
from nonrel_backend.testing.packages.comparing import run_again, run_suite, surprises
from nonrel_backend.testing.packages.comparing import table as packages_table
from nonrel_backend.testing.packages.suites import PACKAGES
from nonrel_backend.testing.services.addresses import server

ROOT = Path(__file__).resolve().parent
APPS = (ROOT / "tests" / "django_apps.txt").read_text().split()
# The other apps of Django 6.1's suite, but for nine: gis_tests and postgres_tests need
# other databases; dbshell tests programs of SQL databases, admin_scripts projects on
# SQLite; tests of test_runner_apps fail on purpose; file_uploads, i18n, mail and
# template_tests, which are about no database, each have a test that fails for root.
if django.VERSION >= (6, 1):
    APPS += (ROOT / "tests" / "django_61_apps.txt").read_text().split()
# The apps of `--quick`: they test every part of the ORM, in some minutes.
QUICK = """
    admin_changelist admin_filters aggregation aggregation_regress annotations
    backends basic bulk_create composite_pk constraints contenttypes_tests
    custom_columns custom_lookups custom_managers custom_pk datatypes dates
    datetimes db_functions defer delete delete_regress expressions expressions_case
    expressions_window extra_regress field_defaults filtered_relation fixtures
    fixtures_regress foreign_object generic_relations generic_views get_or_create
    indexes inspectdb introspection lookup m2m_through m2m_through_regress
    many_to_many many_to_one migrations model_fields model_forms model_formsets
    model_inheritance multiple_database null_fk null_queries one_to_one or_lookups
    ordering prefetch_related proxy_models queries raw_query reserved_names schema
    select_for_update select_related serializers sessions_tests sites_tests
    test_utils timezones transaction_hooks transactions unmanaged_models update
    validation xor_lookups
""".split()


def run_own(arguments: list[str]) -> int:
    """Run our own tests with pytest. Return its exit code."""
    parser = argparse.ArgumentParser(prog="runtests.py", allow_abbrev=False)
    parser.add_argument("--backend", choices=ENGINES, default="lmdb")
    options, pytest_arguments = parser.parse_known_args(arguments)
    os.environ["NONREL_BACKEND"] = options.backend
    with server(options.backend):
        command = [sys.executable, "-m", "pytest", *(pytest_arguments or ["tests"])]
        return subprocess.run(command, cwd=ROOT).returncode


def run_django(arguments: list[str]) -> int:
    """Run apps of Django's suite. Return 0 if no test failed, else 1."""
    parser = argparse.ArgumentParser(prog="runtests.py django")
    parser.add_argument("apps", nargs="*", metavar="APP", help="default: all")
    parser.add_argument("--backend", choices=ENGINES, default="lmdb")
    parser.add_argument(
        "--exclude", nargs="+", default=[], metavar="APP", help="apps not to run"
    )
    parser.add_argument("--quick", action="store_true", help="run a choice of the apps")
    parser.add_argument(
        "--parallel",
        type=int,
        default=2,
        help="the number of apps that run at a time (2)",
    )
    parser.add_argument(
        "--timeout", type=float, default=600, help="seconds per app (600)"
    )
    parser.add_argument("--save", type=Path, help="also write a page to this file")
    options = parser.parse_args(arguments)
    chosen = options.apps or (QUICK if options.quick else APPS)
    apps = [app for app in chosen if app not in options.exclude]
    start = time.monotonic()
    results: list[AppResult] = []
    # On Riak each app has its own server.
    with nullcontext() if options.backend == "riak" else server(options.backend):
        suite = Suite(
            options.backend,
            ROOT / ".cache",
            timeout=options.timeout,
            parallel=options.parallel,
        )
        for result in suite.run(apps):
            results.append(result)
            show_progress(result, len(results), len(apps))
    seconds = time.monotonic() - start
    print(f"\n{table(results)}\n")
    if options.save:
        options.save.write_text(page(options.backend, results, seconds))
    return summary(results, suite.folder, seconds)


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


def show_progress(result: AppResult, number: int, of: int) -> None:
    """Print the result of one app."""
    counts = result.counts
    state = "ok" if result.ok else f"{counts['failed'] + counts['errors']} WRONG"
    print(
        f"[{number:3}/{of}] {result.app:32} {counts['passed']:4} of "
        f"{counts['tests']:4} passed  {result.seconds:6.1f} s  {state}",
        flush=True,
    )


def summary(results: list[AppResult], folder: Path, seconds: float) -> int:
    """Print the failed tests and the total. Return the exit code."""
    for result in sorted(results, key=lambda result: result.app):
        if not result.ok:
            print(f"{result.app}: see {folder / result.app}.log")
            print("".join(f"    {line}\n" for line in result.wrong), end="")
        for name in result.again:
            print(f"{name}: failed, but passed when it was run again alone")
    counts = total(results)
    skipped = counts["skipped_by_list"] + counts["skipped_by_features"]
    print(
        f"{counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['errors']} errors, {skipped} skipped "
        f"({counts['skipped_by_list']} by our list), "
        f"{counts['expected_failures']} expected failures "
        f"of {counts['tests']} tests in {len(results)} apps, {seconds:.0f} s"
    )
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    # On SIGTERM, too, stop the server that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.argv[1:2] == ["django"]:
        sys.exit(run_django(sys.argv[2:]))
    if sys.argv[1:2] == ["packages"]:
        sys.exit(run_packages(sys.argv[2:]))
    sys.exit(run_own(sys.argv[1:]))
