"""retry_transaction, and the conflicts after which it runs a block again."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import OperationalError, transaction
from django.db.transaction import TransactionManagementError

# How long a conflict is retried. Web servers give up a request after 30 s or more.
RETRY_SECONDS = 10.0
# The pauses between retries double from the first to the longest, and are multiplied
# by a random number, so that transactions which met do not meet again.
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.1


class TransactionConflict(OperationalError):
    """The store has undone the transaction, which may succeed if it is run again.

    Another transaction was in its way, or a server of the store has failed.
    """


def pauses(until: float) -> Iterator[float]:
    """Yield the seconds to wait before each retry: one retry, then others in time.

    `until` is when the last of the others may begin, by time.monotonic().
    """
    longest = FIRST_PAUSE
    yield longest * random.random()
    while time.monotonic() < until:
        longest = min(longest * 2, LONGEST_PAUSE)
        yield longest * random.random()


def retry_transaction(using: Any = None, seconds: float = RETRY_SECONDS) -> Any:
    """Run the decorated function in `atomic(using)`, and retry it after conflicts.

    After a conflict with another transaction (TransactionConflict, an
    OperationalError), it is run again: once in any case, and then for as long as no
    more than `seconds` have passed since the first run began. Within an outer
    `atomic()` it runs once: a conflict rolls back the outer block as well, which only
    its own caller can repeat.

        @retry_transaction
        def pay(account, amount): ...

        @retry_transaction(using="ledger", seconds=30)
        def pay(account, amount): ...
    """
    if callable(using):
        return retry_transaction()(using)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            connection = transaction.get_connection(using)
            nested = connection.in_atomic_block
            if not nested:
                connection.rollback_exc = None  # of an earlier block
            waits = pauses(time.monotonic() + seconds)
            while True:
                try:
                    with transaction.atomic(using=using):
                        return function(*args, **kwargs)
                except (OperationalError, TransactionManagementError) as error:
                    pause = next(waits, None)
                    if nested or pause is None or not is_conflict(error):
                        raise
                time.sleep(pause)

        return run

    return decorate


def is_conflict(error: BaseException) -> bool:
    """Return whether the transaction may succeed when it is repeated.

    A TransactionManagementError, "You can't execute queries until the end of the
    block", has the error that broke the block as its cause.
    """
    if isinstance(error, TransactionManagementError):
        return isinstance(error.__cause__, TransactionConflict)
    return isinstance(error, TransactionConflict)
