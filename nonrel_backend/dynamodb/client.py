"""The client: one operation of DynamoDB at a time, retried until a deadline.

boto3 sends and signs the requests. Its own retries are off, and items are written and
read as JSON by handlers of its events: its general ones take five times as long.
"""

import base64
import binascii
import json
import logging
import os
import random
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError

from ..drivers import driver
from .capacity import READS, WRITES, Consumed
from .errors import (
    CREDENTIAL_CODES,
    WRONG_SETTINGS,
    BrokenReply,
    NotAllowed,
    Outcome,
    Unavailable,
    UnknownOutcome,
    code_of,
    described,
    transient,
)

with driver("dynamodb"):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("nonrel_backend.dynamodb")
# Seconds for one operation with its retries, and for one connection to be made.
DEADLINE = 10.0
CONNECTING = 2.0
# The longest pauses before the first retry, and before later ones: they double.
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
# The operations whose requests and replies hold items.
DATA = READS | WRITES
# Operations whose repetition does no harm; a transaction's, by its token.
REPEATABLE = READS | {"transact_write_items"}
REPEATABLE_BEGINNINGS = ("describe_", "list_")
DEFAULTS = {
    "parameter_validation": False,
    "tcp_keepalive": True,
    "max_pool_connections": 50,
    "connect_timeout": CONNECTING,
    "user_agent_extra": "nonrel_backend",
}
NO_RETRIES = {"total_max_attempts": 1, "mode": "standard"}
# boto3's clients by settings: slow to make, and safe to share among threads.
_shared: dict[tuple[Any, ...], Any] = {}
_lock = threading.Lock()


class Sending(threading.local):
    """What this thread sends: for the handlers of the shared client's events."""

    parameters: Mapping[str, Any] | None = None
    seconds = 0.0


SENDING = Sending()


def renew_after_fork() -> None:
    """Let a forked child make its own clients: the sockets are its parent's."""
    global _lock
    _lock = threading.Lock()
    _shared.clear()


os.register_at_fork(after_in_child=renew_after_fork)


class Client:
    """A connection: it sends operations by a client that the process's threads share.

    Without `region` and credentials boto3 looks for them where it always does: in the
    environment, the shared files (there in `profile`), the machine's role. `config` is
    a botocore Config, or a dict of its arguments.

    `deadline` is in seconds. No try begins after it, and each waits for its reply for
    half of it at most, and not past it (a boto3 before 1.44 does: by half at most).
    """

    def __init__(
        self,
        region: str | None = None,
        endpoint_url: str | None = None,
        profile: str | None = None,
        config: Any = None,
        deadline: float = DEADLINE,
        consumed: Consumed | None = None,
    ) -> None:
        self.deadline = deadline
        self.settings = Settings(region, endpoint_url, profile, config, deadline / 2)
        # What all requests have consumed.
        self.consumed = Consumed() if consumed is None else consumed
        self.closed = False
        shared(self.settings)

    def close(self) -> None:
        self.closed = True

    def until(self) -> float:
        """Return the end of an operation that begins now, by time.monotonic()."""
        return time.monotonic() + self.deadline

    def call(
        self,
        operation: str,
        *,
        repeatable: bool | None = None,
        until: float | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Return the reply to an operation, as "get_item", after retries if need be.

        `repeatable` says that carrying it out twice does no harm: by default of reads
        and transactions. Of another operation raise UnknownOutcome if the connection
        fails after it was sent. Raise Unavailable at the deadline, UnknownOutcome if it
        is a write that may have been carried out, and botocore's ClientError if
        DynamoDB refuses the operation: see is_repetition(). `until` is another end.
        """
        if self.closed:
            raise InterfaceError("The connection to DynamoDB is closed.")
        if repeatable is None:
            repeatable = is_repeatable(operation)
        if operation in DATA:
            parameters.setdefault("ReturnConsumedCapacity", "TOTAL")
        if operation == "transact_write_items":
            parameters.setdefault("ClientRequestToken", str(uuid.uuid4()))
        until = self.until() if until is None else until
        pauses = self.pauses(until)
        unknown = False
        for attempt in count(1):
            try:
                reply = self.sent(operation, parameters, until)
            except (BotoCoreError, ClientError, BrokenReply) as error:
                outcome = transient(error)
                if outcome is None:
                    refuse_credentials(operation, error)
                    error.is_repetition = unknown  # type: ignore[union-attr]
                    raise
                is_read = operation in READS
                unknown |= outcome is Outcome.UNKNOWN and not is_read
                pause = next(pauses, None) if repeatable or not unknown else None
                if pause is None:
                    raise failure(operation, attempt, error, unknown) from error
                logger.debug("%s is sent again after: %s", operation, error)
            else:
                self.consumed.add(operation, reply.get("ConsumedCapacity"))
                return reply
        raise AssertionError("unreachable")

    def pauses(self, until: float | None = None) -> Iterator[float]:
        """Wait for a random time, longer each time, and yield it; end at the deadline.

        It is for operations that are carried out in part, too: "UnprocessedItems".
        """
        if until is None:
            until = self.until()
        longest = FIRST_PAUSE
        while True:
            pause = random.random() * longest
            if time.monotonic() + pause >= until:
                return
            time.sleep(pause)
            yield pause
            longest = min(longest * 2, LONGEST_PAUSE)

    def sent(
        self, operation: str, parameters: Mapping[str, Any], until: float
    ) -> dict[str, Any]:
        """Send a request once, and return its reply."""
        method = getattr(shared(self.settings), operation)
        SENDING.seconds = max(until - time.monotonic(), 0.001)
        if operation not in DATA:
            return method(**parameters)
        SENDING.parameters = parameters
        try:
            # botocore chooses the endpoint by the names of tables, and instruments
            # of it record them.
            named = {"TableName": parameters.get("TableName")}
            if "RequestItems" in parameters:
                named = {"RequestItems": dict.fromkeys(parameters["RequestItems"], {})}
            return method(**{name: each for name, each in named.items() if each})
        finally:
            SENDING.parameters = None


def is_repeatable(operation: str) -> bool:
    """Return whether repeating an operation does no harm."""
    return operation in REPEATABLE or operation.startswith(REPEATABLE_BEGINNINGS)


def failure(
    operation: str, attempts: int, error: Exception, unknown: bool
) -> Unavailable:
    """Return the error for an operation that is not sent again."""
    times = "once" if attempts == 1 else f"{attempts} times"
    text = f"{operation} was tried {times} on DynamoDB. Last error: {described(error)}"
    if not unknown:
        done = "" if operation in READS else " It was not carried out."
        return Unavailable(f"{text}{done}")
    return UnknownOutcome(
        f"{text} Whether it was carried out is unknown: read before you retry."
    )


def refuse_credentials(operation: str, error: Exception) -> None:
    """Raise NotAllowed if an error is about credentials, without its own message."""
    reason = CREDENTIAL_CODES.get(code_of(error))
    if reason is not None:
        raise NotAllowed(
            f"DynamoDB does not accept the credentials for {operation} "
            f"({code_of(error)}). {reason}"
        ) from None


# --- boto3's clients ---


@dataclass(frozen=True)
class Settings:
    """What a client of boto3 is made with."""

    region: str | None
    endpoint_url: str | None
    profile: str | None
    config: Any
    # The longest wait for a reply in seconds, unless `config` has its own.
    read_timeout: float

    @property
    def key(self) -> tuple[Any, ...]:
        """Return what is equal for equal settings, and can be a key."""
        config = repr(self.config) if isinstance(self.config, dict) else self.config
        return (self.region, self.endpoint_url, self.profile, config, self.read_timeout)

    def new_client(self) -> Any:
        """Return a new client for Client.call()."""
        client = self.made("dynamodb", retries=NO_RETRIES)
        client.meta.events.register("before-call.dynamodb", write_request)
        client.meta.events.register("before-parse.dynamodb", read_reply)
        return client

    def made(self, service: str, **more: Any) -> Any:
        """Return a new client of boto3 for one of its services.

        Raise ImproperlyConfigured if boto3 cannot make one.
        """
        config = self.config or Config()
        defaults = Config(**DEFAULTS, read_timeout=self.read_timeout)
        try:
            if isinstance(config, dict):
                config = Config(**config)
            config = defaults.merge(config).merge(Config(**more))
            session = boto3.session.Session(
                region_name=self.region or None, profile_name=self.profile or None
            )
            client = session.client(
                service, endpoint_url=self.endpoint_url or None, config=config
            )
        except (*WRONG_SETTINGS, TypeError, ValueError) as error:
            raise ImproperlyConfigured(
                "boto3 makes no client for DynamoDB of "
                f"OPTIONS['region'] = {self.region!r}, "
                f"OPTIONS['endpoint_url'] = {self.endpoint_url!r} and "
                f"OPTIONS['profile'] = {self.profile!r}: {error}"
            ) from error
        return client


def shared(settings: Settings, service: str = "") -> Any:
    """Return the process's client with these settings: that for Client.call(), or with
    `service` boto3's own.
    """
    key = (*settings.key, service)
    found = _shared.get(key)
    if found is None:
        with _lock:
            if key not in _shared:
                _shared[key] = (
                    settings.made(service) if service else settings.new_client()
                )
            found = _shared[key]
    return found


def write_request(params: Any, context: Any, **event: Any) -> None:
    """Write the body of a request that holds items, and bound the wait for its reply.

    This handles an event of botocore; values that are bytes are base64 in JSON.
    """
    timeout = context["client_config"].read_timeout
    context["read_timeout"] = min(SENDING.seconds, timeout)
    if SENDING.parameters is not None:
        params["body"] = json.dumps(SENDING.parameters, default=base64_text).encode()


def base64_text(value: Any) -> str:
    return base64.b64encode(value).decode()


def read_reply(
    response_dict: Any,
    customized_response_dict: Any,
    operation_model: Any,
    **event: Any,
) -> None:
    """Check that a reply is whole, and read one that holds items.

    This handles an event of botocore, which would take half a reply for an empty one.
    """
    body, headers = response_dict["body"], response_dict["headers"]
    length, checksum = headers.get("content-length"), headers.get("x-amz-crc32")
    if length is not None and len(body) != int(length):
        raise BrokenReply(f"{len(body)} of {length} bytes of its reply have come.")
    if checksum is not None and zlib.crc32(body) != int(checksum):
        raise BrokenReply("the checksum of its reply is wrong.")
    is_data = SENDING.parameters is not None and response_dict["status_code"] < 300
    # Most rows have no bytes: to look at each object takes longer than to parse it.
    has_bytes = is_data and (b'"B"' in body or b'"BS"' in body)
    try:
        reply = json.loads(body, object_hook=from_base64 if has_bytes else None)
    except ValueError as error:
        raise BrokenReply("its reply is no JSON.") from error
    if is_data:
        customized_response_dict.update(reply)
        response_dict["body"] = b""


def from_base64(found: dict[str, Any]) -> dict[str, Any]:
    """Return an object of JSON, with bytes if it is an attribute's value of bytes."""
    if len(found) == 1:
        value = found.get("B")
        # An attribute that is named B is no text but another object.
        if value.__class__ is str:
            found["B"] = binascii.a2b_base64(value)
            return found
        values = found.get("BS")
        if values.__class__ is list:
            found["BS"] = [binascii.a2b_base64(each) for each in values]
    return found
