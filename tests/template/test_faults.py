"""The conformance suite finds the faults of broken copies of the template."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# {fault: (file, text, its replacement, section to run, texts in the report)}
FAULTS = {
    "a wrong operator": (
        "compiler.py",
        '"gt": ">"',
        '"gt": ">="',
        "lookups",
        ["__gt="],
    ),
    "a negation that keeps NULL": (
        "store.py",
        "(found is not None or value is None)",
        '(found is not None or value is None or op == "!=")',
        "lookups",
        ["~Q("],
    ),
    "a negation that is ignored": (
        "compiler.py",
        "(NEGATION_MAP if negated else OPERATORS_MAP)",
        "OPERATORS_MAP",
        "lookups",
        ["~Q("],
    ),
    "a prefilter that loses rows": (
        "compiler.py",
        "if op is None or",
        'if lookup_type == "in" and len(value) > 1:\n'
        "            value = value[:1]\n"
        "        if op is None or",
        "joins",
        ["joins: "],
    ),
    "NULL last": (
        "store.py",
        "(name in r[1],",
        "(name not in r[1],",
        "ordering",
        ["order_by("],
    ),
    "an order that is ignored": (
        "store.py",
        "reverse=not up",
        "reverse=False",
        "ordering",
        ["order_by('-"],
    ),
    "a slice that is ignored": (
        "compiler.py",
        "self.found()[low_mark:high_mark]",
        "self.found()",
        "slicing",
        ["slicing: Book.objects"],
    ),
    "a count that is too large": (
        "compiler.py",
        "return len(self.found()[:limit])",
        "return len(self.found()) + 1",
        "aggregates",
        ["count()"],
    ),
    "times without microseconds": (
        "compiler.py",
        'FROM_DB = {"json"',
        'TO_DB["time"] = lambda value: value.replace(microsecond=0)\nFROM_DB = {"json"',
        "field types",
        ["time=datetime.time(12, 30, 0, 1)"],
    ),
    "integers stored as floats": (
        "compiler.py",
        'FROM_DB = {"json"',
        'TO_DB["long"], FROM_LONG = float, int\nFROM_DB = {"long": int, "json"',
        "field types",
        ["big=9007199254740993"],
    ),
    "an update that loses another column": (
        "compiler.py",
        "{**document, **values}",
        '{**document, "title": MISSING, **values}',
        "writes",
        ["writes: ", "update("],
    ),
    "an update that stores 0 for NULL": (
        "compiler.py",
        "if v is not MISSING}",
        "if v is not MISSING} | {k: 0 for k, v in new.items() if v is MISSING}",
        "writes",
        ["writes: "],
    ),
    "a delete that returns 0": (
        "compiler.py",
        "del documents[key]\n        return len(found)",
        "del documents[key]\n        return 0",
        "writes",
        ["delete()"],
    ),
    "an insert that loses a column": (
        "compiler.py",
        "documents[key] = data\n",
        'documents[key] = {k: v for k, v in data.items() if k != "rating"}\n',
        "writes",
        ["writes: bulk_create() of all rows"],
    ),
    "an insert that overwrites keys that differ in case": (
        "compiler.py",
        """        with self.store.db_connection.writing(table) as documents:
            if key in documents:""",
        """        key = key.lower() if isinstance(key, str) else key
        with self.store.db_connection.writing(table) as documents:
            if False:""",
        "keys",
        ["keys: bulk_create() of all rows", "('A',)"],
    ),
    "a driver's error that is not translated": (
        "base.py",
        "OperationalError(str(error)) if isinstance(error, OSError) else None",
        "None",
        "lost connection",
        ["ConnectionError"],
    ),
    "a rollback that does nothing": (
        "store.py",
        "        self.rollback()\n\n    def rollback(self):\n",
        "        self.rollback()\n\n    def rollback(self):\n"
        "        self.tables.update(self.copy or {})\n",
        "transactions",
        ["transactions: "],
    ),
    "a savepoint that does nothing": (
        "store.py",
        "self.copy = self.savepoints[name].copy()",
        "pass",
        "transactions",
        ["transactions: "],
    ),
    "writers that do not wait": (
        "store.py",
        "if not self.writer.acquire(timeout=5):",
        "self.writer = Lock()\n            if not self.writer.acquire():",
        "threads",
        ["in threads"],
    ),
    "a second filter that is ignored": (
        "compiler.py",
        "        if callable(op):",
        '        if self.db_query["filters"]:\n            return\n'
        "        if callable(op):",
        "random queries",
        ["random queries: "],
    ),
    "a store that cannot be written": (
        "compiler.py",
        "documents[key] = data\n",
        'raise OSError("read-only")\n',
        "lookups",
        ["creating the tables", "read-only"],
    ),
}


def conformance(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the conformance command in a folder."""
    command = [sys.executable, "-m", "nonrel_backend", "conformance", *arguments]
    command += ["--break-connection", "breaking:close"]
    paths = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the template, the package "copied"."""
    shutil.copytree(ROOT / "backend_template", tmp_path / "copied")
    (tmp_path / "breaking.py").write_text(
        "def close(connection):\n    connection.db_connection.close()\n"
    )
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(copy: Path, fault: str) -> None:
    name, sound, broken, section, texts = FAULTS[fault]
    path = copy / "copied" / name
    source = path.read_text()
    assert source.count(sound) == 1
    path.write_text(source.replace(sound, broken))
    # More than the usual 200: each draw of the generator moves those after it.
    done = conformance(copy, "--engine", "copied", "--random", "1000", section)
    assert done.returncode == 1, done.stdout
    report = done.stdout.partition("WRONG, the smallest of each")[2]
    report = report.partition("PUSHED DOWN")[0]
    for text in texts:
        assert text in report


def test_the_report_of_a_sound_copy_says_what_is_native(copy: Path) -> None:
    done = conformance(copy, "--engine", "copied", "keys", "lost connection")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok     keys             37 of 37 right" in done.stdout
    assert "WRONG" not in done.stdout
    pushed, _, local = done.stdout.partition("FINISHED LOCALLY")
    assert "whole queries: count, delete, update, lock" in pushed
    assert "conditions: OR" in local


def test_an_option_without_a_value_is_refused(copy: Path) -> None:
    done = conformance(copy, "--engine", "copied", "--option", "host")
    assert done.returncode == 2
    assert "must be NAME=VALUE" in done.stderr
