"""Run Django's own test suite on a backend, app by app, and count the outcomes."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

from ...backends import completed, engine_of
from ..services.addresses import HOST_OPTIONS, HOST_VARIABLES, app_server, server_name
from .recorder import RECORD_VARIABLE

# At most RUN_AGAIN failed tests of an app are run again, up to TRIES times. More
# failures are no accident.
RUN_AGAIN, TRIES = 3, 10
# What our own backends and SQLite need beside their ENGINE.
DEFAULTS: dict[str, dict[str, Any]] = {
    "django.db.backends.sqlite3": {"NAME": ":memory:"},
    "nonrel_backend.lmdb": {"NAME": ":memory:"},
    # Tests expect the keys that SQL databases make.
    "nonrel_backend.riak": {
        "OPTIONS": {
            "keys": "sequence",
            "transactions": "none",
            "unique": "markers",
            "schema_wait": 0,
        }
    },
    "nonrel_backend.dynamodb": {
        "OPTIONS": {"region": "us-east-1", "keys": "sequence", "schema_wait": 0}
    },
}
# These apps take the longest and start first.
LONGEST = (
    "admin_views migrations queries cache auth_tests model_fields schema delete "
    "backends admin_inlines test_utils transactions serializers select_for_update "
    "generic_views get_or_create"
).split()
COLUMNS = {
    "tests": "tests",
    "passed": "passed",
    "failed": "failed",
    "errors": "errors",
    "skipped_by_list": "skipped by our list",
    "skipped_by_features": "skipped by Django",
    "expected_failures": "expected failures",
}
SETTINGS = """\
import os

import django

DATABASE = {database!r}
ADDRESS = os.environ.get({host_variable!r}, "")
{entry}.setdefault({key!r}, ADDRESS)
NAME = DATABASE["NAME"]
if NAME != ":memory:":
    NAME += "_" + os.environ["NONREL_TEST_NAME"]
DATABASES = {{
    "default": {{**DATABASE, "NAME": NAME}},
    "other": {{**DATABASE, "NAME": NAME if NAME == ":memory:" else NAME + "_other"}},
}}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if django.VERSION < (6, 0):
    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "nonrel_backend.testing.django_suite.recorder.RecordingRunner"
"""


@dataclass
class AppResult:
    """The outcomes of one app's tests."""

    app: str
    counts: dict[str, int]
    wrong: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    # The tests that failed at first, and passed when they were run again alone.
    again: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Return whether no test failed."""
        return not (self.counts["failed"] or self.counts["errors"])

    def passed_again(self) -> None:
        """Count the failed tests as passed."""
        for line in self.wrong:
            outcome, _, name = line.partition(" ")
            self.counts["failed" if outcome == "FAIL" else "errors"] -= 1
            self.counts["passed"] += 1
            self.again.append(name)
        self.wrong.clear()


def user_cache() -> Path:
    """Return the folder where a user's caches of this package are."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "nonrel_backend"


def fetch_suite(cache: Path) -> Path:
    """Return the tests/ folder of the installed version of Django.

    The source distribution is downloaded into the folder `cache` once.
    """
    name = f"django-{django.__version__}"
    target = cache / name
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet"]
            command += ["--disable-pip-version-check", "--no-binary", "Django"]
            command += ["--no-deps", f"Django=={django.__version__}", "-d", folder]
            if subprocess.run(command).returncode:
                raise SystemExit(
                    "Django's suite could not be downloaded, see above. Unpack the "
                    f"source distribution of Django {django.__version__} as {target}."
                )
            archive = next(Path(folder).glob("*.tar.gz"))
            with tarfile.open(archive) as source:
                source.extractall(folder, filter="data")
            (unpacked,) = (path for path in Path(folder).iterdir() if path.is_dir())
            try:
                unpacked.rename(target)
            except OSError:
                if not target.is_dir():  # no other process was faster
                    raise
    return target / "tests"


class Suite:
    """One run of the suite on one backend, `parallel` apps at a time.

    `database` is the entry of DATABASES; NAME is what the names of the test databases
    begin with. The logs are in the folder `name` of the cache. `timeout` is in seconds,
    for each app.
    """

    def __init__(
        self,
        database: dict[str, Any],
        cache: Path,
        name: str,
        *,
        timeout: float = 600,
        parallel: int = 2,
    ) -> None:
        self.engine = database["ENGINE"]
        # Without an address, our own stores have servers for tests.
        option = HOST_OPTIONS.get(self.engine)
        address = database["OPTIONS"].get(option) if option else database.get("HOST")
        self.server = "" if address else self.engine
        self.timeout = timeout
        self.parallel = parallel
        self.running: set[subprocess.Popen[bytes]] = set()
        self.tests = fetch_suite(cache.resolve())
        self.folder = (cache / "django-suite" / name).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        defaults = {"NAME": "dj", **DEFAULTS.get(self.engine, {})}
        (self.folder / "suite_settings.py").write_text(
            SETTINGS.format(
                database=completed(database, defaults),
                host_variable=HOST_VARIABLES.get(self.engine, ""),
                entry='DATABASE["OPTIONS"]' if option else "DATABASE",
                key=option or "HOST",
            )
        )

    def run(self, apps: Sequence[str]) -> Iterator[AppResult]:
        """Run the apps and yield the result of each when it has ended."""
        missing = [app for app in apps if not (self.tests / app).is_dir()]
        if missing:
            raise SystemExit(f"Django's suite has no {', '.join(missing)}.")
        order = sorted(
            apps, key=lambda app: LONGEST.index(app) if app in LONGEST else 99
        )
        pool = ThreadPoolExecutor(self.parallel)
        doubtful = []
        try:
            for future in as_completed([pool.submit(self.run_app, a) for a in order]):
                result = future.result()
                if 0 < len(result.wrong) <= RUN_AGAIN:
                    doubtful.append(result)
                else:
                    yield result
            for result in doubtful:
                self.run_again(result)
                yield result
        finally:
            # Also after an interrupt no process goes on running.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(self.running):
                end(process)

    def run_app(self, app: str) -> AppResult:
        """Run an app's tests. An app without a record counts as one error."""
        record = self.folder / f"{app}.json"
        record.unlink(missing_ok=True)
        start = time.monotonic()
        problem = self.execute(app, record)
        seconds = time.monotonic() - start
        if record.is_file():
            data = json.loads(record.read_text())
            counts = {key: data[key] for key in COLUMNS}
            return AppResult(
                app, counts, data["wrong"], data["listed_reasons"], seconds
            )
        counts = {**dict.fromkeys(COLUMNS, 0), "errors": 1}
        return AppResult(app, counts, [f"ERROR {app}: {problem}"], {}, seconds)

    def run_again(self, result: AppResult) -> None:
        """Run the failed tests again, alone and up to TRIES times.

        Some tests of Django's suite measure time.
        """
        record = self.folder / f"{result.app}.again.json"
        labels = [line.partition(" ")[2] for line in result.wrong]
        for _ in range(TRIES):
            record.unlink(missing_ok=True)
            self.execute(f"{result.app}.again", record, labels)
            counts = json.loads(record.read_text()) if record.is_file() else {}
            if counts and counts["passed"] == len(labels) == counts["tests"]:
                result.passed_again()
                return

    def execute(self, app: str, record: Path, labels: Sequence[str] = ()) -> str:
        """Run the app's tests, or those of the labels, in a process.

        Return how the process ended, for an app without a record.
        """
        # The backend may be in the folder of the command, and not installed.
        here = os.path.abspath(sys.path[0])
        paths = [str(self.folder), here, os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "NONREL_TEST_NAME": app.replace(".", "_"),
            RECORD_VARIABLE: str(record),
        }
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        command = [sys.executable, "runtests.py", "--settings=suite_settings"]
        command += ["--parallel=1", "--noinput", *(labels or [app])]
        with (
            open(self.folder / f"{app}.log", "wb") as log,
            app_server(self.server) as variables,
        ):
            environment.update(variables)
            process = subprocess.Popen(
                command,
                cwd=self.tests,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.running.add(process)
            try:
                code = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                end(process)
                return f"still running after {self.timeout:.0f} seconds"
            finally:
                self.running.discard(process)
        return f"ended with code {code} before its tests were counted"


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and the processes that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def total(results: Sequence[AppResult]) -> dict[str, int]:
    """Return the sums of the counts."""
    return {key: sum(result.counts[key] for result in results) for key in COLUMNS}


def table(results: Sequence[AppResult]) -> str:
    """Return the results as a Markdown table with aligned columns."""
    rows = [["app", *COLUMNS.values()]]
    rows += [
        [result.app, *(str(result.counts[key]) for key in COLUMNS)]
        for result in sorted(results, key=lambda result: result.app)
    ]
    rows.append(["total", *(str(count) for count in total(results).values())])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join(
        "-" * (width + 1) + (":" if place else "-")
        for place, width in enumerate(widths)
    )
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def on_server(name: str) -> str:
    """Return " on" which of several servers a backend's tests run, "" if on the one."""
    engine = engine_of(name)
    found = (
        "" if os.environ.get(HOST_VARIABLES.get(engine, "")) else server_name(engine)
    )
    return f" on {found}" if found else ""


def page(name: str, results: Sequence[AppResult], seconds: float) -> str:
    """Return a Markdown page: the total, the table, the skips of a backend."""
    counts = total(results)
    reasons: dict[str, int] = {}
    for result in results:
        for reason, number in result.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + number
    lines = [
        "# Django's own test suite",
        "",
        f"Django {django.__version__}, its unmodified tests, {len(results)} apps, on",
        f"`{engine_of(name)}`: {counts['passed']} of {counts['tests']} passed, "
        f"{counts['failed']} failed, {counts['errors']} errors, in {seconds:.0f} s.",
        f"Made by `python -m nonrel_backend django-suite --engine {name} --save FILE`"
        f"{on_server(name)}.",
        "",
        '"Skipped by our list" are tests named under a reason in `features.py`;',
        '"skipped by Django" are those that Django itself skips by feature flags or',
        "for want of another database or package.",
        "",
        table(results),
        "",
    ]
    if reasons:
        lines += ["## Skipped by our list", ""]
        lines += [f"* {count}: {reason}" for reason, count in sorted(reasons.items())]
        lines.append("")
    again = [name for result in results for name in result.again]
    if again:
        lines += ["## Passed when run again, alone", ""]
        lines += [*(f"* {name}" for name in sorted(again)), ""]
    wrong = [line for result in results for line in result.wrong]
    if wrong:
        lines += ["## Not passing", "", *(f"* {line}" for line in sorted(wrong)), ""]
    return "\n".join(lines)
