"""The browser for tests: Debian's Chromium, which playwright drives."""

import os
import shutil
from importlib.util import find_spec

import pytest


def chromium() -> str:
    """Return the path of Chromium, which CHROMIUM may name.

    Without Chromium or playwright skip the test, or fail it in CI.
    """
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    missing = []
    if not found:
        missing.append("a Chromium (apt-get install chromium)")
    if find_spec("playwright") is None:
        missing.append("playwright (pip install '.[browser]')")
    if not missing:
        return str(found)
    text = f"The browser tests need {' and '.join(missing)}."
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)
