"""Threads that do the same at the same time."""

import sys
import threading
from collections.abc import Callable
from random import random
from time import sleep

from django.db import OperationalError, connections

ATTEMPTS = 50
# How often a thread pauses at a call, and for how long.
PAUSES, PAUSE_SECONDS = 0.005, 0.001


def together(work: Callable[[], None], threads: int, alias: str) -> list[Exception]:
    """Call `work` in `threads` threads at the same time. Return their errors.

    Each thread closes its connection to `alias`.
    """
    errors: list[Exception] = []

    def run() -> None:
        sys.setprofile(pause)
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            sys.setprofile(None)
            connections[alias].close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return errors


def pause(frame: object, event: str, argument: object) -> None:
    """Pause now and then where a function is called or returns.

    So threads meet between two calls that a faulty backend makes without a lock, which
    they rarely do by themselves.
    """
    if random() < PAUSES:
        sleep(PAUSE_SECONDS)


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
