"""The DynamoDB that tests run on: dynoxide, or ministack where there is none."""

import http.client
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

from .processes import ServerError, ServerProcess, free_port, wait_until

START_SECONDS = 60
CARGO = Path.home() / ".cargo" / "bin"
# What boto3 needs to sign requests. These servers accept anything.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def dynoxide_binary() -> str | None:
    """Return the path of `dynoxide`, from the PATH or where cargo installs it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), str(CARGO)])
    return shutil.which("dynoxide", path=path)


class DynamoServer(ServerProcess):
    """A dynoxide, or a ministack, on a free port of 127.0.0.1.

    Its data is in memory; with `path`, of a file, dynoxide keeps it, so that `start()`
    after `kill()` has it again.
    """

    def __init__(self, path: Path | None = None, *, port: int | None = None) -> None:
        self.path = path
        self.port = port or free_port()

    @property
    def url(self) -> str:
        """Return the endpoint's URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "DynamoServer":
        """Start the server. Return when it answers."""
        binary = dynoxide_binary()
        if binary:
            command = [binary, "--port", str(self.port), "--log", "quiet"]
            if self.path is not None:
                command += ["--db-path", str(self.path)]
            self.launch(command)
        elif self.path is None and find_spec("ministack"):
            environment = {
                **os.environ,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "IOT_MTLS_ENABLED": "0",
                "SERVICES": "dynamodb",
            }
            self.launch([sys.executable, "-m", "ministack"], env=environment)
        else:
            raise ServerError(
                "No DynamoDB to test on was found. Set DYNAMODB_URL, install dynoxide "
                "(cargo install dynoxide-rs --locked), or install the test extra: "
                'pip install "nonrel_backend[test]".'
            )
        wait_until(self.answers, f"the DynamoDB at {self.url}", START_SECONDS)
        return self

    def answers(self) -> bool:
        """Return whether the server answers. Raise ServerError if it has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise ServerError(f"The DynamoDB at {self.url} did not start.")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True


def server_name() -> str:
    """Return the name of the server that is started for tests."""
    return "dynoxide" if dynoxide_binary() else "ministack"


@contextmanager
def dynamodb_variables(path: Path | None = None) -> Iterator[dict[str, str]]:
    """Yield the environment variables of a DynamoDB for the block: the one at
    DYNAMODB_URL, if that is set, else a new one, with its data in the file `path`.

    Credentials are among them, unless there are some.
    """
    new = {name: text for name, text in CREDENTIALS.items() if name not in os.environ}
    known = os.environ.get("DYNAMODB_URL")
    if known:
        yield {"DYNAMODB_URL": known, **new}
        return
    with DynamoServer(path) as server:
        yield {"DYNAMODB_URL": server.url, **new}


@contextmanager
def dynamodb_url(path: Path | None = None) -> Iterator[str]:
    """Yield the URL of a DynamoDB; in the block the environment has credentials."""
    with (
        dynamodb_variables(path) as variables,
        mock.patch.dict(os.environ, variables),
    ):
        yield variables["DYNAMODB_URL"]
