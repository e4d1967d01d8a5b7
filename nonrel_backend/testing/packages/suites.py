"""The packages whose suites are run, and how each runs its own tests."""

import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One package: a version whose source distribution has its tests.

    `command` and `labels` are what its own configuration runs, as `recorder.py` takes
    it, in the folder `folder` of the distribution.
    """

    name: str
    version: str
    kind: str
    command: str
    labels: str = ""
    folder: str = "."

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


PACKAGES = (
    Package("djangorestframework", "3.18.3", "API framework", "pytest", "tests"),
    Package(
        "django-treebeard", "7.0.3", "trees", "pytest --ds=tests.settings", "tests"
    ),
    Package(
        "django-guardian",
        "3.5.2",
        "permissions",
        "-m django test --settings=guardian.testapp.testsettings --parallel=1",
        "guardian.testapp",
    ),
    Package("django-simple-history", "3.13.0", "history", "runtests.py"),
    Package(
        "django-taggit",
        "6.0.0",
        "tagging",
        "-m django test --settings=tests.settings --parallel=1",
    ),
    Package("django-filter", "26.2", "filter", "runtests.py --parallel=1"),
    Package(
        "django-import-export",
        "4.4.3",
        "import and export",
        "tests/manage.py test --parallel=1",
        "core",
    ),
    Package(
        "wagtail",
        "8.0.1",
        "CMS",
        "-m django test --settings=wagtail.test.settings --parallel=1",
        "wagtail",
    ),
    Package("django-celery-results", "2.6.0", "task results", "pytest", "t/unit"),
    Package(
        "django-reversion",
        "6.4.0",
        "versions",
        "manage.py test --parallel=1",
        folder="tests",
    ),
)


def fetch(package: Package, cache: Path) -> Path:
    """Return the folder of a package's source distribution, downloaded once."""
    target = cache / package.requirement
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--disable-pip-version-check", "--no-binary", package.name]
            command += [package.requirement, "-d", folder]
            subprocess.run(command, check=True)
            archive = next(Path(folder).glob("*.tar.gz"))
            with tarfile.open(archive) as source:
                source.extractall(folder, filter="data")
            (unpacked,) = (path for path in Path(folder).iterdir() if path.is_dir())
            unpacked.rename(target)
    return target
