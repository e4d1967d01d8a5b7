"""What the browser tests need: Debian's Chromium, and playwright to drive it."""

import os
import shutil
from importlib.util import find_spec

import pytest


def chromium() -> str:
    """Where Chromium is (CHROMIUM may name it). Without it, or playwright, the test is
    skipped; in CI it fails.
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
