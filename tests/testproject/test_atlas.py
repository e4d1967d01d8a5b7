"""testproject's own tests pass, and its migrations are up to date."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.browser import chromium

MANAGE = Path(__file__).resolve().parents[2] / "testproject" / "manage.py"
SETTINGS = {"DJANGO_SETTINGS_MODULE": "testproject.settings"}


def manage(*arguments: str, **environment: str) -> None:
    finished = subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        cwd=MANAGE.parent,
        env={**os.environ, **environment, **SETTINGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout


def test_the_atlas_passes_its_own_tests():
    manage("test", "--noinput")


def test_the_atlas_takes_any_engine():
    text = "c.vendor, c.settings_dict['NAME'], c.settings_dict['OPTIONS']"
    expected = ("backend_template", "elsewhere", {"ttl": 60})
    manage(
        "shell",
        "--command",
        f"from django.db import connection as c; assert ({text}) == {expected}",
        NONREL_ENGINE="backend_template",
        NONREL_OPTIONS="name=elsewhere ttl=60",
    )


def test_no_migration_is_missing():
    manage("makemigrations", "--check", "--dry-run")


def test_the_page_of_the_api_and_the_admin_in_a_browser():
    manage("test", "--noinput", "atlas.browser", CHROMIUM=chromium())


def test_requests_made_up_of_the_document():
    if find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed")
    manage("test", "--noinput", "atlas.fuzz")
