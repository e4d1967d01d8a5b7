"""One deadline for each operation: what the user has set, or 10 seconds.

It bounds the waiting for servers that do not answer, for locks and for commits. It cuts
no query or update on which a server works: only `timeoutMS` does.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import Context, ContextVar
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pymongo
from pymongo.errors import ConnectionFailure, PyMongoError
from pymongo.read_preferences import ReadPreference

from ..transactions import pauses

SECONDS = 10
# To be told that a transaction is aborted matters little.
ABORT_SECONDS = 1
# What is left for the work itself.
WORKING_SECONDS = SECONDS - ABORT_SECONDS
# pymongo's serverSelectionTimeoutMS where nobody has set it.
DRIVERS_OWN = 30
# What MongoClient gets where neither OPTIONS nor the URI say it. A server that is
# stopped, or cut off, does not answer the driver's heartbeats: after connectTimeoutMS +
# heartbeatFrequencyMS, at most, all that wait for it are told. Then a read is tried
# again for what is left of the deadline, which the driver would not observe.
DEFAULTS = {
    "serverSelectionTimeoutMS": WORKING_SECONDS * 1_000,
    "connectTimeoutMS": 5_000,
    "heartbeatFrequencyMS": 3_000,
    "retryReads": False,
}
# The driver takes 0 seconds for no limit.
SHORTEST = 0.001
PAUSE = 0.01
TRANSIENT = "TransientTransactionError"
UNKNOWN_COMMIT = "UnknownTransactionCommitResult"
Found = TypeVar("Found")
# The deadline of the block that runs, by time.monotonic().
outer_deadline: ContextVar[float] = ContextVar("outer_deadline", default=math.inf)


def defaults(host: str) -> dict[str, Any]:
    """Return the DEFAULTS that the URI does not set."""
    given = {name.lower() for name, _ in parse_qsl(urlsplit(host).query)}
    return {
        name: value for name, value in DEFAULTS.items() if name.lower() not in given
    }


def deadline_of(client: Any) -> float:
    """Return when an operation that begins now is to end, by time.monotonic().

    It is no later than the deadline of what it is a part of.
    """
    options = client.options
    seconds = options.timeout or options.server_selection_timeout
    if seconds == DRIVERS_OWN:
        seconds = WORKING_SECONDS
    return min(time.monotonic() + max(seconds, SHORTEST), outer_deadline.get())


@contextmanager
def until_deadline(deadline: float) -> Iterator[None]:
    """Let the driver's operations in the block end at `deadline`, a monotonic time."""
    token = outer_deadline.set(min(deadline, outer_deadline.get()))
    try:
        with pymongo.timeout(max(deadline - time.monotonic(), SHORTEST)):
            yield
    finally:
        outer_deadline.reset(token)


def bounded(client: Any) -> AbstractContextManager[Any]:
    """Let the block's operations end at the deadline, what the server does as well.

    It is for what no server takes long for, and what is not half done when it is cut.
    """
    return until_deadline(deadline_of(client))


def limited(client: Any, is_small: bool = False) -> AbstractContextManager[Any]:
    """Return bounded(), or nothing if neither the user nor the work calls for it.

    A statement of several commands that runs in it has one deadline in all.
    """
    if is_small or client.options.timeout is not None:
        return bounded(client)
    return nullcontext()


def retried(client: Any, work: Callable[[], Found], reads: bool = False) -> Found:
    """Return `work()`, run again after transient errors until the deadline.

    They are those that end a transaction which may succeed when it is run again; with
    `reads` they are lost connections, and any server that may be read from will do.
    """
    deadline = deadline_of(client)
    waits = pauses(deadline)
    while True:
        try:
            if client.options.timeout is None:
                return work()
            with until_deadline(deadline):
                return work()
        except PyMongoError as error:
            is_lost = isinstance(error, ConnectionFailure)
            if not (is_lost if reads else is_transient(error)):
                raise
            server = client.read_preference if reads else ReadPreference.PRIMARY
            pause = next(waits, math.inf)
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            # Else the driver would wait for a server by a deadline of its own.
            if not answers(client, server, deadline):
                raise


def is_transient(error: PyMongoError) -> bool:
    """Return whether a transaction may succeed when it is run again."""
    return error.has_error_label(TRANSIENT)


def answers(client: Any, server: Any, deadline: float) -> bool:
    """Return whether a server of the read preference answers before the deadline."""
    while time.monotonic() < deadline:
        try:
            with until_deadline(deadline):
                client.admin.command("ping", read_preference=server)
            return True
        except ConnectionFailure:
            time.sleep(PAUSE)
        except PyMongoError:
            break
    return False


def in_own_transaction(client: Any, work: Callable[[Any], Found]) -> Found:
    """Return `work(session)`, run in a transaction of its own, with retries.

    So it is all or nothing, and meets a conflict at once: outside of transactions the
    server would wait for another one's end, with a part of the rows written.
    """
    with client.start_session() as session:

        def attempt() -> Found:
            session.start_transaction(read_preference=ReadPreference.PRIMARY)
            try:
                found = work(session)
                commit(client, session)
            except BaseException:
                abort(session)
                raise
            return found

        return retried(client, attempt)


def commit(client: Any, session: Any) -> None:
    """Commit; retry until the deadline while its outcome is not known."""
    deadline = deadline_of(client)
    while True:
        try:
            with until_deadline(deadline):
                session.commit_transaction()
            return
        except PyMongoError as error:
            unknown = error.has_error_label(UNKNOWN_COMMIT)
            if not unknown or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)


def abort(session: Any) -> None:
    """Abort the session's transaction, if it is in one.

    If the server cannot be told, it aborts the transaction itself after a while.
    """

    def tell() -> None:
        # The driver raises no error of the server here, but its own.
        with suppress(PyMongoError), pymongo.timeout(ABORT_SECONDS):
            session.abort_transaction()

    if session.in_transaction:
        Context().run(tell)  # a deadline that is over is not the abort's
