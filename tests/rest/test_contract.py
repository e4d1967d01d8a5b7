"""All tests that docs/rest-contract.md names exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_promise_has_a_test_that_exists():
    table = (HERE.parent.parent / "docs" / "rest-contract.md").read_text()
    rows = re.findall(r"^\| (\d\.\d+) \| .* \| (.*) \|$", table, re.MULTILINE)
    # Each row has this form.
    assert len(rows) == len(re.findall(r"^\| \d", table, re.MULTILINE)) > 140
    for number, cell in rows:
        for part in cell.split("; "):
            module, _, names = part.partition(": ")
            tests = (HERE / f"test_{module}.py").read_text()
            for name in names.split(", "):
                assert f"def {name}(" in tests, (number, module, name)
