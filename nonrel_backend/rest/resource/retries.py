"""A write that another one was in the way of is tried again."""

import time
from collections.abc import Callable
from random import uniform
from typing import Any

from django.db import OperationalError

ATTEMPTS = 30
LONGEST_PAUSE = 0.1


class ChangedMeanwhile(OperationalError):
    """Another writer was faster."""


def retried(
    work: Callable[[], Any],
    attempts: int = ATTEMPTS,
    on: type[OperationalError] = OperationalError,
) -> Any:
    """`work()`, which is undone when it raises such an error, until it does not."""
    for attempt in range(attempts):
        try:
            return work()
        except on:
            if attempt == attempts - 1:
                raise
            time.sleep(uniform(0, min(LONGEST_PAUSE, 0.005 * 2**attempt)))
