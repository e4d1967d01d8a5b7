"""What threads do at the same time, and what went wrong in them."""

import threading
from collections.abc import Callable

from django.db import OperationalError, connections

ATTEMPTS = 50


def together(work: Callable[[], None], threads: int, alias: str) -> list[Exception]:
    """Have threads do the same at the same time; returns their errors."""
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
    """Do it again for a while where another was in the way."""
    for attempt in range(ATTEMPTS):
        try:
            work()
            return
        except OperationalError:
            if attempt == ATTEMPTS - 1:
                raise
