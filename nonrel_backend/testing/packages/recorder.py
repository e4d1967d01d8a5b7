"""Run a package's own test command on other databases, and record the outcomes.

`python recorder.py RECORD COMMAND …`, in the package's folder. COMMAND is a script with
its arguments, `-m` and a module, or `pytest`. Nothing but DATABASES is changed: by the
JSON in DATABASE_VARIABLE, if that is set. RECORD gets {"outcomes": {test: "passed",
"failed" or "skipped"}, "seconds": CPU time of the process}.
"""

import json
import os
import runpy
import sys
import time
import unittest
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from django.db.utils import ConnectionHandler

DATABASE_VARIABLE = "NONREL_PACKAGE_DATABASE"
# What a test with several outcomes counts as: the last of them.
ORDER = ("passed", "skipped", "failed")
OUTCOMES = {
    "addSuccess": "passed",
    "addExpectedFailure": "passed",
    "addSkip": "skipped",
    "addUnexpectedSuccess": "failed",
    "addFailure": "failed",
    "addError": "failed",
}
# What a package's settings may say of a database beside where it is.
KEPT = ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TEST", "TIME_ZONE")


class Record:
    """The outcomes of the tests, by their names."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}

    def add(self, name: str, outcome: str) -> None:
        known = self.outcomes.get(name, "passed")
        self.outcomes[name] = max(known, outcome, key=ORDER.index)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Record a part of a test: pytest calls this."""
        self.add(report.nodeid, report.outcome)

    def pytest_collectreport(self, report: Any) -> None:
        """Record a module that cannot be imported: pytest calls this."""
        if report.failed:
            self.add(report.nodeid, "failed")

    def watch_unittest(self) -> None:
        """Record what every unittest.TestResult is told from now on."""
        for name, outcome in OUTCOMES.items():
            self.watch(name, lambda *args, outcome=outcome: outcome)
        self.watch(
            "addSubTest", lambda test, subtest, error: "failed" if error else "passed"
        )

    def watch(self, name: str, outcome: Callable[..., str]) -> None:
        method = getattr(unittest.TestResult, name)

        def recorded(result: Any, test: Any, *args: Any) -> Any:
            self.add(test.id(), outcome(test, *args))
            return method(result, test, *args)

        setattr(unittest.TestResult, name, recorded)


def use_databases(database: dict[str, Any]) -> None:
    """Have each alias of the project be in `database`, under a name of its own."""
    original = ConnectionHandler.configure_settings

    def configured(handler: Any, databases: Any) -> Any:
        databases = original(handler, databases)
        for alias, found in databases.items():
            if found["ENGINE"] != "django.db.backends.dummy":
                kept = {key: found[key] for key in KEPT if key in found}
                kept.get("TEST", {}).pop("NAME", None)
                name = database["NAME"].format(alias=alias)
                found.clear()
                found.update(database, **kept, NAME=name)
        return original(handler, databases)

    ConnectionHandler.configure_settings = configured


def run(command: list[str], record: Record) -> Any:
    """Run the command in this process. Return its exit code."""
    sys.path.insert(0, os.getcwd())
    if command[0] == "pytest":
        arguments = ["-p", "no:cacheprovider", *command[1:]]
        return import_module("pytest").main(arguments, plugins=[record])
    record.watch_unittest()
    try:
        if command[0] == "-m":
            sys.argv = command[1:]
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command
            sys.path.insert(0, str(Path(command[0]).resolve().parent))
            runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        return end.code
    return 0


def main() -> None:
    path, *command = sys.argv[1:]
    if text := os.environ.get(DATABASE_VARIABLE):
        use_databases(json.loads(text))
    record = Record()
    code = run(command, record)
    found = {"outcomes": record.outcomes, "seconds": time.process_time()}
    Path(path).write_text(json.dumps(found, indent=0, sort_keys=True))
    sys.exit(code)


if __name__ == "__main__":
    main()
