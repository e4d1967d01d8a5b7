"""A short fault run on the backend under test violates nothing."""

import os
import re
import subprocess
import sys

import pytest

BACKEND = os.environ.get("NONREL_ENGINE") or "lmdb"
MODULE = "nonrel_backend.testing.faults"


@pytest.mark.skipif(
    BACKEND not in ("lmdb", "mongodb", "riak", "dynamodb"),
    reason="its store has no faults",
)
def test_a_short_run_violates_nothing():
    arguments = ["--backend", BACKEND, "--seconds", "8", "--seed", "12"]
    done = subprocess.run(
        [sys.executable, "-m", MODULE, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report
    assert "violations: none" in report
    operations = re.search(r"^ +all +(\d+)", report, re.M)
    assert operations and int(operations[1]) > 100, report
    faults = report.partition("faults:\n")[2].partition("errors:")[0]
    assert sum(map(int, re.findall(r"^ +(\d+) ", faults, re.M))) >= 2, report
