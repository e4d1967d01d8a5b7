"""Tests are counted by outcome, with all subtests of a test as one."""

import json
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nonrel_backend.testing.django_suite.recorder import record
from nonrel_backend.testing.django_suite.suite import (
    COLUMNS,
    TRIES,
    AppResult,
    Suite,
    page,
    table,
)


class Sample(unittest.TestCase):
    __test__ = False  # pytest does not run it; the tests below do.

    def test_passes(self) -> None:
        pass

    def test_fails_in_two_subtests(self) -> None:
        for number in range(2):
            with self.subTest(number=number):
                self.fail()

    def test_is_an_error(self) -> None:
        raise KeyError

    @unittest.skip("MongoDB has no triggers.")
    def test_is_on_our_list(self) -> None:
        pass

    @unittest.skip("another reason")
    def test_is_on_no_list(self) -> None:
        pass

    @unittest.expectedFailure
    def test_is_expected_to_fail(self) -> None:
        self.fail()


class Broken(unittest.TestCase):
    __test__ = False

    @classmethod
    def setUpClass(cls) -> None:
        raise KeyError

    def test_never_runs(self) -> None:
        pass


def run(*cases: type[unittest.TestCase]) -> dict[str, Any]:
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases
    )
    result = unittest.TestResult()
    suite.run(result)
    return record(result, {"MongoDB has no triggers."})


def test_each_outcome_is_counted_once() -> None:
    counts = run(Sample)
    assert {key: counts[key] for key in COLUMNS} == {
        "tests": 6,
        "passed": 1,
        "failed": 1,
        "errors": 1,
        "skipped_by_list": 1,
        "skipped_by_features": 1,
        "expected_failures": 1,
    }
    assert [line.split()[0] for line in counts["wrong"]] == ["FAIL", "ERROR"]
    assert counts["listed_reasons"] == {"MongoDB has no triggers.": 1}


def test_a_failed_class_setup_is_an_error_but_no_test() -> None:
    counts = run(Broken)
    assert (counts["tests"], counts["passed"], counts["errors"]) == (0, 0, 1)


def test_the_table_adds_up() -> None:
    results = [
        AppResult("update", dict.fromkeys(COLUMNS, 2)),
        AppResult("basic", dict.fromkeys(COLUMNS, 1), reasons={"no triggers": 1}),
    ]
    lines = table(results).splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["basic", "update", "total"]
    assert lines[-1].replace(" ", "") == "|total|3|3|3|3|3|3|3|"
    assert "* 1: no triggers" in page("mongodb", results, 1.0)


class ScriptedSuite(Suite):
    """A suite that starts no process. The records are given."""

    def __init__(self, folder: Path, *records: dict[str, Any]) -> None:
        self.folder, self.records = folder, list(records)

    def execute(self, app: str, record: Path, labels: Sequence[str] = ()) -> str:
        record.write_text(json.dumps(self.records.pop(0)))
        return ""


@pytest.mark.parametrize(("tries", "failed"), [([0, 1], 0), ([0] * TRIES, 1)])
def test_a_failed_test_counts_as_passed_if_it_passes_alone(
    tmp_path: Path, tries: list[int], failed: int
) -> None:
    first: dict[str, Any] = {
        **dict.fromkeys(COLUMNS, 0),
        "tests": 2,
        "passed": 1,
        "failed": 1,
    }
    first |= {"wrong": ["FAIL update.tests.Slow.test_time"], "listed_reasons": {}}
    again = [{"tests": 1, "passed": passed} for passed in tries]
    suite = ScriptedSuite(tmp_path, first, *again)
    result = suite.run_app("update")
    suite.run_again(result)
    assert (result.counts["passed"], result.counts["failed"]) == (2 - failed, failed)
    assert result.ok is not bool(failed)
    assert result.again == ([] if failed else ["update.tests.Slow.test_time"])
