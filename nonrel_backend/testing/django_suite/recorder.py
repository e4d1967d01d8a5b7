"""A test runner that writes the outcomes of the tests to a JSON file."""

import json
import os
import unittest
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.test.runner import DiscoverRunner

from ..forcing import force

# The variable with the path of the file. `suite.py` sets it for each app.
RECORD_VARIABLE = "NONREL_TEST_RECORD"
# The variable with the rules of the planner to force, separated by commas.
RULES_VARIABLE = "FORCED_RULES"


class RecordingRunner(DiscoverRunner):
    """Django's own runner, which also writes a record of the run."""

    def setup_test_environment(self, **kwargs: Any) -> None:
        super().setup_test_environment(**kwargs)
        if rules := os.environ.get(RULES_VARIABLE):
            force(*rules.split(","))

    def suite_result(
        self, suite: unittest.TestSuite, result: Any, **kwargs: Any
    ) -> int:
        path = os.environ.get(RECORD_VARIABLE)
        if path:
            with open(path, "w") as file:
                json.dump(record(result, listed_reasons()), file)
        failures: int = super().suite_result(suite, result, **kwargs)
        return failures


def listed_reasons() -> set[str]:
    """Return the reasons in the backends' own lists of skipped tests."""
    return {
        reason
        for connection in connections.all()
        for reason in connection.features.django_test_skips
    }


def record(result: unittest.TestResult, listed: set[str]) -> dict[str, Any]:
    """Return the numbers of tests by outcome, and the names of those that failed.

    A test with subtests counts once. `listed` are the reasons of our own skips.
    """
    failed = names(test for test, _ in result.failures)
    failed += [name for name in names(result.unexpectedSuccesses) if name not in failed]
    errors = [
        name for name in names(test for test, _ in result.errors) if name not in failed
    ]
    # A class that could not be set up is an error, but no test was run.
    run_errors = {name for name in errors if not is_class_level(name)}
    reasons = {test_id(test): reason for test, reason in result.skipped}
    skipped = {
        name: reason
        for name, reason in reasons.items()
        if name not in failed and name not in run_errors and not is_class_level(name)
    }
    by_reason = Counter(skipped.values())
    expected = names(test for test, _ in result.expectedFailures)
    by_list = sum(count for why, count in by_reason.items() if why in listed)
    return {
        "tests": result.testsRun,
        "passed": result.testsRun
        - len(failed)
        - len(run_errors)
        - len(skipped)
        - len(expected),
        "failed": len(failed),
        "errors": len(errors),
        "skipped_by_list": by_list,
        "skipped_by_features": len(skipped) - by_list,
        "expected_failures": len(expected),
        "wrong": [f"FAIL {name}" for name in failed]
        + [f"ERROR {name}" for name in errors],
        "listed_reasons": {why: n for why, n in by_reason.items() if why in listed},
    }


def names(tests: Iterable[Any]) -> list[str]:
    """Return the name of each test once, in order."""
    return list(dict.fromkeys(test_id(test) for test in tests))


def test_id(test: Any) -> str:
    """Return the name of a test; of a subtest the name of its test."""
    return str(getattr(test, "test_case", test).id())


def is_class_level(name: str) -> bool:
    """Return whether a name is of a class or module: `setUpClass (app.tests.Class)`."""
    return " (" in name
