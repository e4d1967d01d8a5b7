"""The sdist and the wheel contain what they need, and the installed wheel works."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

import nonrel_backend
from nonrel_backend.backends import GROUP, OWN

if (os.environ.get("NONREL_ENGINE") or "lmdb") != "lmdb":
    pytest.skip("The distributions are built once, on LMDB.", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
NAME = f"nonrel_backend-{nonrel_backend.__version__}"
# Generated files in the checkout, which no distribution contains.
GENERATED = ("__pycache__", "*.egg-info", "build", "dist")


def run(*command, cwd, expect=0):
    """Run a command without the checkout on its path, and return its output."""
    environment = dict(os.environ)
    for name in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE", "NONREL_ENGINE"):
        environment.pop(name, None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a copy of the checkout, and return (sdist, wheel)."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", *GENERATED))
    # Without isolation, the build needs no network.
    run(sys.executable, "-m", "build", "--no-isolation", "-o", folder, cwd=source)
    return folder / f"{NAME}.tar.gz", folder / f"{NAME}-py3-none-any.whl"


def package_files():
    """Return the files of the package as they are in the wheel."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nonrel_backend").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    return found | {
        f"nonrel_backend/backend_template/{path.name}"
        for path in (ROOT / "backend_template").glob("*.py")
    }


def test_the_wheel_is_the_package_and_nothing_else(built):
    names = set(zipfile.ZipFile(built[1]).namelist())
    info = {name for name in names if name.startswith(f"{NAME}.dist-info/")}
    assert names - info == package_files()
    assert f"{NAME}.dist-info/licenses/LICENSE" in info


def test_the_wheel_names_our_backends(built):
    text = zipfile.ZipFile(built[1]).read(f"{NAME}.dist-info/entry_points.txt").decode()
    lines = sorted(f"{name} = {engine}" for name, engine in OWN.items())
    assert text.split("\n\n")[0].splitlines() == [f"[{GROUP}]", *lines]


def test_the_sdist_is_the_package_its_documentation_and_nothing_else(built):
    with tarfile.open(built[0]) as archive:
        names = {
            str(PurePosixPath(member.name).relative_to(NAME))
            for member in archive
            if member.isfile()
        }
    generated = {name for name in names if name.startswith("nonrel_backend.egg-info/")}
    expected = {
        name.removeprefix("nonrel_backend/")
        if name.startswith("nonrel_backend/backend_template/")
        else name
        for name in package_files()
    }
    expected |= {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    expected |= {"LICENSE", "MANIFEST.in", "PKG-INFO", "pyproject.toml"}
    expected |= {"setup.cfg", "setup.py", "README.md"}
    expected |= {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert names - generated == expected


def test_setup_py_prints_the_version(tmp_path):
    shown = run(sys.executable, ROOT / "setup.py", "--version", cwd=ROOT)
    assert shown.splitlines()[-1] == nonrel_backend.__version__


def with_requirements(names):
    """Yield the installed distributions of these names and all that they require."""
    found = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        yield (each := distribution(name))
        for text in each.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


class Environment:
    """A virtual environment with the wheel, and links to the distributions it needs."""

    def __init__(self, folder, wheel):
        venv.create(folder, symlinks=True, with_pip=False)
        self.python = folder / "bin" / "python"
        self.install(wheel)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = folder / "lib" / version / "site-packages"

    def install(self, wheel):
        """Install a wheel, but not what it requires."""
        pip = [sys.executable, "-m", "pip", "--python", self.python]
        run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=wheel.parent)

    def link(self, *names):
        """Make installed distributions, with their requirements, importable."""
        for each in with_requirements(names):
            for top in {PurePosixPath(file).parts[0] for file in each.files or ()}:
                target = self.packages / top
                if top not in ("..", "__pycache__") and not target.exists():
                    target.symlink_to(each.locate_file(top))


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    found = Environment(tmp_path_factory.mktemp("environment"), built[1])
    found.link("Django")
    return found


def test_the_installed_wheel_makes_a_distribution_that_works(environment, tmp_path):
    command = [environment.python, "-m", "nonrel_backend"]
    run(*command, "startbackend", "shopdb", "--license", "MIT", cwd=tmp_path)
    source = tmp_path / "shopdb"
    shown = run(*command, "conformance", "--engine", "shopdb", "keys", cwd=source)
    assert "Conformance of shopdb" in shown
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel"]
    run(*build, "-o", tmp_path, cwd=source)
    (wheel,) = tmp_path.glob("*.whl")
    names = {
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if not name.startswith("shopdb-0.1.0.dist-info/")
    }
    template = (ROOT / "backend_template").glob("*.py")
    assert names == {f"shopdb/{path.name}" for path in template}
    environment.install(wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "shopdb 0.1.0" in run(*command, "backends", cwd=elsewhere)
    shown = run(
        *command, "conformance", "--engine", "shopdb", "writes", "joins", cwd=elsewhere
    )
    assert "Conformance of shopdb" in shown
    pip = [sys.executable, "-m", "pip", "--python", environment.python]
    run(*pip, "check", cwd=elsewhere)


def test_the_installed_wheel_runs_lmdb_with_its_extra_only(environment, tmp_path):
    command = [environment.python, "-m", "nonrel_backend", "conformance"]
    command += ["--engine", "nonrel_backend.lmdb", "--option", "name=store"]
    shown = run(*command, "keys", cwd=tmp_path, expect=1)
    assert "pip install 'nonrel_backend[lmdb]'" in shown
    environment.link("lmdb", "msgpack")
    shown = run(*command, "writes", "keys", "joins", cwd=tmp_path)
    assert "Conformance of nonrel_backend.lmdb" in shown
