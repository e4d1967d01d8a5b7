"""`python -m nonrel_backend django-suite`, on a suite made for it in Django's place."""

import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

ROOT = Path(__file__).resolve().parents[3]
# What Django's own runtests.py does with our settings.
RUNTESTS = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "suite_settings"
os.environ["RUNNING_DJANGOS_TEST_SUITE"] = "true"
import django
from django.conf import settings
from django.test.utils import get_runner
labels = [label for label in sys.argv[1:] if not label.startswith("--")]
settings.INSTALLED_APPS = labels
django.setup()
sys.exit(get_runner(settings)(interactive=False).run_tests(labels))
"""
TESTS = """
from django.db import connections
from django.test import TestCase
class Shelves(TestCase):
    databases = {"default", "other"}
    def test_settings(self):
        found = [connections[alias].settings_dict for alias in self.databases]
        self.assertEqual({each["HOST"] for each in found}, {"shelf.example.com"})
        self.assertEqual({each["OPTIONS"]["ttl"] for each in found}, {60})
        names = {each["NAME"] for each in found}
        self.assertEqual(names, {"test_mine_shelves", "test_mine_shelves_other"})
    def test_skipped(self):
        self.fail()
    def test_expected(self):
        self.fail()
    def test_wrong(self):
        self.fail("This is wrong.")
    # More than are run again alone.
    test_wrong_2 = test_wrong_3 = test_wrong_4 = test_wrong
"""
BASE = """
from backend_template import base
class DatabaseFeatures(base.DatabaseFeatures):
    django_test_skips = {
        "Shelves are full.": {"shelves.tests.Shelves.test_skipped"},
    }
    django_test_expected_failures = {"shelves.tests.Shelves.test_expected"}
class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a backend that is not installed, and a suite."""
    suite = tmp_path / "cache" / f"django-{django.__version__}" / "tests"
    for path, text in {
        suite / "runtests.py": RUNTESTS,
        suite / "shelves" / "__init__.py": "",
        suite / "shelves" / "tests.py": TESTS,
        tmp_path / "shelfdb" / "__init__.py": "",
        tmp_path / "shelfdb" / "base.py": BASE,
        tmp_path / "shelfdb" / "compiler.py": "from backend_template.compiler import *",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nonrel_backend", "django-suite"]
    command += ["--engine", "shelfdb", "--cache", "cache", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_tests_that_the_features_name_are_skipped(folder: Path) -> None:
    options = ["host=shelf.example.com", "name=mine", "ttl=60"]
    words = [word for each in options for word in ("--option", each)]
    done = run(folder, *words, "shelves", "--save", "page.md")
    assert done.returncode == 1, done.stderr
    assert "FAIL shelves.tests.Shelves.test_wrong" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(
        "1 passed, 4 failed, 0 errors, 1 skipped (1 by our list), "
        "1 expected failures of 7 tests in 1 apps"
    )
    assert "* 1: Shelves are full." in (folder / "page.md").read_text()
    log = folder / "cache" / "django-suite" / "shelfdb" / "shelves.log"
    assert "AssertionError: This is wrong." in log.read_text()


def test_an_app_that_the_suite_has_not_is_an_error(folder: Path) -> None:
    done = run(folder, "nosuchapp")
    assert done.returncode == 1
    assert "Django's suite has no nosuchapp." in done.stderr
