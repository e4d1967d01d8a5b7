"""Threads that do the same at the same time."""

import threading
from collections.abc import Callable

from django.db import OperationalError, connections

ATTEMPTS = 50


def together(work: Callable[[], None], threads: int, alias: str) -> list[Exception]:
    """Call `work` in `threads` threads at the same time. Return their errors.

    Each thread closes its connection to `alias`.
    """
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections[alias].close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return errors


def again(work: Callable[[], object]) -> None:
    """Call `work`, and call it again if it raises OperationalError, as it does where
    another thread has locked a row. Raise the error of the last attempt.
    """
    for attempt in range(ATTEMPTS):
        try:
            work()
            return
        except OperationalError:
            if attempt == ATTEMPTS - 1:
                raise
