"""Retry conflicting writes."""

import time
from collections.abc import Callable
from random import uniform
from typing import Any

from django.db import OperationalError

ATTEMPTS = 30
# Seconds. A store that is down is not asked again when the first attempt took so long.
LONGEST = 10.0
LONGEST_PAUSE = 0.1


class ChangedMeanwhile(OperationalError):
    """Another request has changed the object first."""


def retried(
    work: Callable[[], Any],
    attempts: int = ATTEMPTS,
    on: type[OperationalError] = OperationalError,
) -> Any:
    """Return work(), called again while it raises an error of class `on`.

    `work` must undo what it wrote when it raises. The last error is raised, after so
    many attempts or LONGEST seconds.
    """
    until = time.monotonic() + LONGEST
    for attempt in range(attempts):
        try:
            return work()
        except on:
            if attempt == attempts - 1 or time.monotonic() > until:
                raise
            time.sleep(uniform(0, min(LONGEST_PAUSE, 0.005 * 2**attempt)))
