"""The suites of other packages: what is recorded, changed and compared."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nonrel_backend.testing.packages import comparing
from nonrel_backend.testing.packages.comparing import Run, surprises
from nonrel_backend.testing.packages.recorder import DATABASE_VARIABLE
from nonrel_backend.testing.packages.suites import PACKAGES, Package

SETTINGS = """
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "somewhere",
        "TEST": {"NAME": "elsewhere", "DEPENDENCIES": []},
        "ATOMIC_REQUESTS": True,
    }
}
INSTALLED_APPS = ["django.contrib.sites"]
SECRET_KEY = "secret"
USE_TZ = True
SITE_ID = 1
"""
TESTS = """
import unittest
from django.db import connection
from {library} import TestCase

class Tests(TestCase):
    def test_database(self):
        settings = connection.settings_dict
        assert connection.vendor == "lmdb", connection.vendor
        assert settings["ATOMIC_REQUESTS"] is True
        assert settings["TEST"]["DEPENDENCIES"] == []
        assert settings["TEST"]["NAME"] is None

    def test_failure(self):
        self.fail()

    def test_error(self):
        raise ValueError

    def test_skipped(self):
        self.skipTest("a reason")

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    @unittest.expectedFailure
    def test_unexpected(self):
        pass

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)
"""
RIGHT = {
    "test_database": "passed",
    "test_failure": "failed",
    "test_error": "failed",
    "test_skipped": "skipped",
    "test_unexpected": "failed",
    "test_subtests": "failed",
}


@pytest.mark.parametrize(
    ("command", "of_expected"),
    [
        ("-m django test --settings=project --parallel=1", "passed"),
        ("pytest test_project.py", "skipped"),
    ],
    ids=["unittest", "pytest"],
)
def test_each_outcome_is_recorded(
    tmp_path: Path, command: str, of_expected: str
) -> None:
    (tmp_path / "project.py").write_text(SETTINGS)
    # pytest without a plugin for Django makes no test databases.
    library = "unittest" if command.startswith("pytest") else "django.test"
    (tmp_path / "test_project.py").write_text(TESTS.format(library=library))
    database = {"ENGINE": "nonrel_backend.lmdb", "NAME": ":memory:"}
    subprocess.run(
        [sys.executable, "-m", "nonrel_backend.testing.packages.recorder"]
        + ["record.json", *command.split()],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(comparing.__file__).parents[3]),
            "DJANGO_SETTINGS_MODULE": "project",
            DATABASE_VARIABLE: json.dumps(database),
        },
        capture_output=True,
    )
    record = json.loads((tmp_path / "record.json").read_text())
    found = {
        name.replace("::", ".").rpartition(".")[2]: outcome
        for name, outcome in record["outcomes"].items()
    }
    assert found == {**RIGHT, "test_expected": of_expected}
    assert record["seconds"] > 0


SUITE = """
import unittest
from pathlib import Path

class Tests(unittest.TestCase):
    def test_upload(self):
        Path("upload").touch(exist_ok=False)

unittest.main()
"""


def test_no_run_finds_files_of_an_earlier_one(tmp_path: Path) -> None:
    package = Package("suite", "1", "files", "suite.py")
    source = tmp_path / "packages" / package.requirement
    source.mkdir(parents=True)
    (source / "suite.py").write_text(SUITE)
    for _ in range(2):
        found = comparing.run_suite(package, "sqlite", tmp_path)
        assert [*found.outcomes.values()] == ["passed"]
    assert [path.name for path in source.iterdir()] == ["suite.py"]


def test_a_test_that_differs_is_run_again_alone(tmp_path: Path) -> None:
    package = Package("suite", "1", "files", "-m unittest", "files")
    source = tmp_path / "packages" / package.requirement
    source.mkdir(parents=True)
    (source / "files.py").write_text(SUITE.replace("unittest.main()", ""))
    names = [f"files.Tests.test_{each}" for each in ("upload", "gone", "odd")]
    sqlite, ours = (
        Run(package, "sqlite", dict.fromkeys(names, outcome), 1.0)
        for outcome in ("passed", "failed")
    )
    sqlite.outcomes[names[2]] = "failed"
    assert comparing.run_again(ours, sqlite, tmp_path) == names[:1]
    assert [*ours.outcomes.values()] == ["passed", "failed", "failed"]
    assert comparing.run_again(sqlite, sqlite, tmp_path) == []


def run(backend: str, **outcomes: str) -> Run:
    return Run(PACKAGES[0], backend, outcomes, 1.0)


def test_what_differs_and_is_not_listed_is_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(
        comparing, "expected", lambda run: {"known": "why", "mended": "why"}
    )
    sqlite = run(
        "sqlite",
        known="passed",
        mended="passed",
        new="passed",
        gone="passed",
        odd="failed",
    )
    lmdb = run("lmdb", known="failed", mended="passed", new="skipped", odd="failed")
    assert [*surprises(lmdb, sqlite)] == [
        "passes on SQLite only: new",
        "passes on SQLite only: gone",
        "passes now, remove it: mended",
    ]


def test_the_list_names_packages_that_are_run() -> None:
    listed = comparing.tomllib.loads(comparing.EXPECTED.read_text())
    names = {package.name for package in PACKAGES}
    assert {name for found in listed.values() for name in found} <= names
    assert all(
        reason.strip()
        for found in listed.values()
        for tests in found.values()
        for reason in tests.values()
    )
