"""The conformance suite finds faults planted in the template and in the core."""

import shutil
from pathlib import Path

import pytest

from tests.mutants import ROOT, Mutant, conformance, found, mutants

# `make mutants` plants all of them.
SAMPLE = mutants()[::6]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the template, the package "copied"."""
    shutil.copytree(ROOT / "backend_template", tmp_path / "copied")
    return tmp_path


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_each_fault_can_still_be_planted(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.find) == 1


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_a_fault_is_found_and_named(tmp_path: Path, mutant: Mutant) -> None:
    is_found, report = found(mutant, tmp_path)
    assert is_found, report


def test_the_report_of_a_sound_copy_says_what_is_native(copy: Path) -> None:
    done = conformance(copy, "--engine", "copied", "keys", "lost connection")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok     keys             44 of 44 right" in done.stdout
    assert "WRONG" not in done.stdout
    pushed, _, local = done.stdout.partition("FINISHED LOCALLY")
    assert "whole queries: count, delete, update" in pushed
    assert "conditions: OR" in local


def test_an_option_without_a_value_is_refused(copy: Path) -> None:
    done = conformance(copy, "--engine", "copied", "--option", "host")
    assert done.returncode == 2
    assert "must be NAME=VALUE" in done.stderr
