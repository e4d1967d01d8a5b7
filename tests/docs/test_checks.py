"""docs/checks.md lists the system checks of the package, and no others."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ID = re.compile(r"nonrel_backend\.(?:[A-Za-z_]+\.)*[A-Z][0-9]{3}")


def ids_in_code():
    """Yield the strings in the package that are ids of system checks."""
    for path in (ROOT / "nonrel_backend").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if ID.fullmatch(node.value):
                    yield node.value


def test_the_page_lists_the_ids_in_the_code_once_each():
    page = (ROOT / "docs" / "checks.md").read_text()
    listed = re.findall(rf"^\| `({ID.pattern})` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(set(ids_in_code()))


def test_ids_follow_one_scheme():
    for each in ids_in_code():
        assert re.fullmatch(r"nonrel_backend\.[WE][0-9]{3}", each), each
