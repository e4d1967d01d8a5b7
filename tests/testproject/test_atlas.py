"""testproject's own tests pass, and its migrations are up to date."""

import os
import subprocess
import sys
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[2] / "testproject" / "manage.py"


def manage(*arguments: str) -> None:
    finished = subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        cwd=MANAGE.parent,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "testproject.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout


def test_the_atlas_passes_its_own_tests():
    manage("test", "--noinput")


def test_no_migration_is_missing():
    manage("makemigrations", "--check", "--dry-run")
