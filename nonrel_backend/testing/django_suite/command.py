"""`python -m nonrel_backend django-suite`: run Django's own suite on a backend."""

import argparse
import time
from contextlib import nullcontext
from pathlib import Path

import django

from ... import backends
from ..services.addresses import SERVER_EACH, server, server_name
from .suite import AppResult, Suite, page, table, total, user_cache

HERE = Path(__file__).resolve().parent
APPS = (HERE / "apps.txt").read_text().split()
# The other apps of Django 6.1's suite, but for nine: gis_tests and postgres_tests need
# other databases; dbshell tests programs of SQL databases, admin_scripts projects on
# SQLite; tests of test_runner_apps fail on purpose; file_uploads, i18n, mail and
# template_tests, which are about no database, each have a test that fails for root.
if django.VERSION >= (6, 1):
    APPS += (HERE / "apps_61.txt").read_text().split()
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


def run(
    arguments: list[str], prog: str = "python -m nonrel_backend django-suite"
) -> int:
    """Run apps of Django's suite. Return 0 if no test failed, else 1."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Run Django's own tests on a backend. The tests that its features "
        "name in django_test_skips and django_test_expected_failures are counted as "
        "such.",
    )
    backends.add_arguments(parser)
    parser.add_argument("apps", nargs="*", metavar="APP", help="default: all")
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
    parser.add_argument(
        "--cache",
        type=Path,
        default=user_cache(),
        help="the folder for Django's source distribution, and for logs (%(default)s)",
    )
    options = parser.parse_args(arguments)
    database = backends.database(parser, options)
    chosen = options.apps or (QUICK if options.quick else APPS)
    apps = [app for app in chosen if app not in options.exclude]
    start = time.monotonic()
    results: list[AppResult] = []
    suite = Suite(
        database,
        options.cache,
        options.engine,
        timeout=options.timeout,
        parallel=options.parallel,
    )
    each = suite.server in SERVER_EACH
    if each:
        print(f"The server of each app is {server_name(suite.server)}.", flush=True)
    with nullcontext() if each else server(suite.server):
        for result in suite.run(apps):
            results.append(result)
            show_progress(result, len(results), len(apps))
    seconds = time.monotonic() - start
    print(f"\n{table(results)}\n")
    if options.save:
        options.save.write_text(page(options.engine, results, seconds))
    return summary(results, suite.folder, seconds)


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
