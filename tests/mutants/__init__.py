"""Faults planted in copies of the template and of the key-value core, one at a time.

    make mutants

Each must be found by the conformance suite, in the section that its entry names, and
the smallest query that is wrong is shown. An entry of the *.toml has

    name     what the fault does
    file     the file, from the root of the project
    find     a text that the file has once
    replace  what is put in its place
    section  the section of the report that must be wrong
    shows    texts that the report must show of it
"""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Of random queries and writes: more than the usual 200, as each draw of the generator
# moves those after it.
RANDOM = 300
BREAKING = "def close(connection):\n    connection.db_connection.close()\n"


@dataclass(frozen=True)
class Mutant:
    """A fault: see the module."""

    name: str
    file: str
    find: str
    replace: str
    section: str
    shows: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The package that is copied."""
        return self.file.partition("/")[0]

    @property
    def engine(self) -> list[str]:
        """The arguments that name the backend: LMDB's for the key-value core."""
        if self.package == "backend_template":
            return ["--engine", self.package]
        return ["--engine", "nonrel_backend.lmdb", "--option", "name=mutant.lmdb"]

    def plant(self, folder: Path) -> None:
        """Copy the package to a folder, with the fault in it."""
        shutil.copytree(ROOT / self.package, folder / self.package)
        path = folder / self.file
        source = path.read_text()
        if source.count(self.find) != 1:
            raise ValueError(f"{self.name}: {self.file} has not once {self.find!r}")
        path.write_text(source.replace(self.find, self.replace))


def mutants() -> list[Mutant]:
    """Return the faults of all *.toml."""
    return [
        Mutant(**entry | {"shows": tuple(entry.get("shows", ()))})
        for path in sorted(HERE.glob("*.toml"))
        for entry in tomllib.loads(path.read_text())["mutant"]
    ]


def conformance(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the conformance command in a folder, whose packages come first."""
    (folder / "breaking.py").write_text(BREAKING)
    command = [sys.executable, "-m", "nonrel_backend", "conformance", *arguments]
    command += ["--break-connection", "breaking:close"]
    paths = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


def found(mutant: Mutant, folder: Path) -> tuple[bool, str]:
    """Return whether the suite finds a fault, and what the report shows of it."""
    mutant.plant(folder)
    done = conformance(folder, *mutant.engine, "--random", str(RANDOM), mutant.section)
    report = done.stdout.partition("WRONG, the smallest of each")[2]
    report = report.partition("PUSHED DOWN")[0].partition("REFUSED")[0].strip()
    shown = all(text in report for text in mutant.shows)
    is_found = done.returncode == 1 and bool(report) and shown
    return is_found, report or done.stdout[-500:] + done.stderr[-1000:]
