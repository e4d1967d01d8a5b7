"""startbackend makes a distribution of the template, and says what to do next."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nonrel_backend
from nonrel_backend.startbackend import versions

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
        copied = (tmp_path / "shopdb" / "shopdb" / path.name).read_text()
        assert copied == path.read_text().replace("backend_template", "shopdb")
    files = {path.name for path in (tmp_path / "shopdb").rglob("*") if path.is_file()}
    beside = {"pyproject.toml", "README.md", "ci.yml"}
    assert files == {path.name for path in template.glob("*.py")} | beside


def test_the_commands_that_it_prints_work(tmp_path: Path) -> None:
    shown = start(tmp_path, "shopdb").stdout
    assert "python -m nonrel_backend conformance --engine shopdb" in shown
    assert "python -m nonrel_backend django-suite --engine shopdb" in shown
    assert "python -m unittest shopdb.tests" in shown
    done = run(
        tmp_path / "shopdb",
        "unittest",
        "shopdb.tests.BackendTests.test_07_keys",
        "shopdb.tests.BackendTests.test_10_lost_connection",
    )
    assert done.returncode == 0, done.stderr
    assert "Conformance of shopdb" in done.stdout


def test_it_says_where_the_tutorial_is(tmp_path: Path) -> None:
    shown = start(tmp_path, "shopdb").stdout
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "docs/writing-a-backend.md" in shown
    assert project["urls"]["Homepage"] + "#files" in shown


@pytest.mark.parametrize("directory", [".", "src/django-shopdb"])
def test_a_directory_may_be_given(tmp_path: Path, directory: str) -> None:
    done = start(tmp_path, "shopdb", directory)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / directory / "pyproject.toml").is_file()
    base = tmp_path / directory / "shopdb" / "base.py"
    assert 'vendor = display_name = "shopdb"' in base.read_text()


def test_the_distribution_supports_what_this_one_does(tmp_path: Path) -> None:
    start(tmp_path, "shopdb")
    made, ours = (
        tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for folder in (tmp_path / "shopdb", ROOT)
    )
    assert made["requires-python"] == ours["requires-python"]
    kinds = ("Framework", "Programming Language")
    supported = [each for each in ours["classifiers"] if each.startswith(kinds)]
    assert [each for each in made["classifiers"] if each.startswith(kinds)] == supported
    version = nonrel_backend.__version__
    assert made["dependencies"] == [f"nonrel_backend{versions(version)}"]
    points = made["entry-points"]["nonrel_backend.backends"]
    assert points == {"shopdb": "shopdb"}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.2.0", ">=0.2.0,<0.3"),
        ("0.10.dev1", ">=0.10.dev1,<0.11"),
        ("1.4", ">=1.4,<2"),
    ],
)
def test_a_version_that_may_change_the_interface_is_excluded(
    version: str, expected: str
) -> None:
    assert versions(version) == expected


@pytest.mark.parametrize(
    ("license", "begins"),
    [
        ("MIT", "MIT License\n\nCopyright (c) The shopdb developers."),
        ("BSD-3-Clause", "Copyright (c) The shopdb developers."),
        ("Apache-2.0", None),
        ("none", None),
    ],
)
def test_a_license_may_be_chosen(
    tmp_path: Path, license: str, begins: str | None
) -> None:
    done = start(tmp_path, "shopdb", "--license", license)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "shopdb"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    text = folder / "LICENSE"
    assert project.get("license", "none") == license
    assert text.is_file() == bool(begins) == ("license-files" in project)
    if begins:
        assert text.read_text().startswith(begins)
    else:
        assert "TODO" in (folder / "README.md").read_text().partition("## License")[2]


def test_the_ci_file_runs_each_version_and_both_suites(tmp_path: Path) -> None:
    start(tmp_path, "shopdb")
    text = (tmp_path / "shopdb" / ".github" / "workflows" / "ci.yml").read_text()
    for part in ('django: "5.2"', 'django: "6.1"', "unittest shopdb.tests"):
        assert part in text
    assert "django-suite --engine shopdb --quick" in text
    assert "backend_template" not in text


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
    (tmp_path / "README.md").write_text("mine")
    done = start(tmp_path, "shopdb", ".")
    assert done.returncode == 1
    assert "README.md already exists" in done.stderr
    assert (tmp_path / "README.md").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
