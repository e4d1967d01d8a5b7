"""startbackend copies the template under another name, and says what to do next."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run startbackend in a folder."""
    return run(folder, "nonrel_backend", "startbackend", *arguments)


def test_the_copy_is_the_template_under_its_own_name(tmp_path: Path) -> None:
    done = start(tmp_path, "shopdb")
    assert done.returncode == 0, done.stderr
    template = ROOT / "backend_template"
    for path in template.glob("*.py"):
        copied = (tmp_path / "shopdb" / path.name).read_text()
        assert copied == path.read_text().replace("backend_template", "shopdb")
    assert len(list((tmp_path / "shopdb").iterdir())) == len(
        list(template.glob("*.py"))
    )


def test_the_commands_that_it_prints_work(tmp_path: Path) -> None:
    shown = start(tmp_path, "shopdb").stdout
    assert "python -m nonrel_backend conformance --engine shopdb" in shown
    assert "writing-a-backend.md" in shown
    assert "python -m unittest shopdb.tests" in shown
    done = run(
        tmp_path,
        "unittest",
        "shopdb.tests.BackendTests.test_07_keys",
        "shopdb.tests.BackendTests.test_10_lost_connection",
    )
    assert done.returncode == 0, done.stderr
    assert "Conformance of shopdb" in done.stdout


def test_a_directory_may_be_given(tmp_path: Path) -> None:
    done = start(tmp_path, "shopdb", "src/shop_backend")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "src" / "shop_backend"
    assert 'vendor = display_name = "shopdb"' in (folder / "base.py").read_text()
    assert '"ENGINE": "shop_backend"' in (folder / "tests.py").read_text()
    assert "--engine shop_backend" in done.stdout


def test_an_invalid_name_or_one_of_a_module_is_refused(tmp_path: Path) -> None:
    for name, reason in {
        "3x": "not a valid backend name",
        "json": "conflicts with the name of an existing Python module",
    }.items():
        done = start(tmp_path, name)
        assert done.returncode == 1
        assert reason in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shopdb").mkdir()
    (tmp_path / "shopdb" / "base.py").write_text("mine")
    done = start(tmp_path, "shopdb", "shopdb")
    assert done.returncode == 1
    assert (tmp_path / "shopdb" / "base.py").read_text() == "mine"
