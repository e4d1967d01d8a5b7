"""Run the examples of docs/fields.md in order."""

import re
from pathlib import Path

import pytest
from django.db import connections

PAGE = Path(__file__).parents[2] / "docs" / "fields.md"


@pytest.fixture
def examples(databases):
    """Return the page's code blocks and the scope they run in.

    Its models belong to this folder's app.
    """
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    declared, *others = found
    scope: dict = {"__name__": "tests.docs.page"}
    exec(declared, scope)
    with connections["default"].schema_editor() as editor:
        editor.create_model(scope["Shop"])
    yield others, scope
    with connections["default"].schema_editor() as editor:
        editor.delete_model(scope["Shop"])


@pytest.mark.native_documents("the examples use operators of documents")
def test_the_examples_work(examples):
    others, scope = examples
    assert len(others) == 6
    assert scope["Shop"].check() == []
    for example in others:
        exec(example, scope)
