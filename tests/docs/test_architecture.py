"""docs/architecture.md names every module of the core, with the role that it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
SECTION = re.compile(r"### (?:`([a-z_/]+)/`|The top): [^\n]*\n(.*?)(?=\n##)", re.S)
ROW = re.compile(r"\| `([a-z_0-9]+\.py)` \| (.*) \|")


def folders() -> list[tuple[str, str]]:
    """Return (folder below nonrel_backend, its table) of each section."""
    return [(found[1] or "", found[2]) for found in SECTION.finditer(PAGE)]


@pytest.mark.parametrize(("folder", "table"), folders(), ids=lambda each: each[:20])
def test_the_table_is_the_first_lines_of_the_files(folder: str, table: str) -> None:
    named = dict(ROW.findall(table))
    roles = {
        path.name: path.read_text().split("\n")[0].strip('"').strip().rstrip(".")
        for path in (ROOT / "nonrel_backend" / folder).glob("[!_]*.py")
    }
    assert named == roles


def test_the_paths_named_exist() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", PAGE))
    missing = [
        name
        for name in named
        if not any((ROOT / top / name).exists() for top in ("", "nonrel_backend"))
    ]
    assert named and not missing
