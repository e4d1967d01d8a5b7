"""Servers that tests start and stop: a free port, waiting, signals."""

import atexit
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any


class ServerError(RuntimeError):
    """No server was found, or it did not start."""


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, seconds: float) -> None:
    """Return when `ready()` is true. Raise ServerError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise ServerError(f"Waited {seconds:.0f} seconds for {what}.")
        time.sleep(0.05)


class Startable:
    """A server that runs for a `with` block."""

    def start(self) -> Any:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Any:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class ServerProcess(Startable):
    """A server that is one process."""

    process: subprocess.Popen[bytes] | None = None

    def launch(self, command: list[str], **options: Any) -> None:
        """Start the process, and stop it when this one ends at the latest."""
        options = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            **options,
        }
        self.process = subprocess.Popen(command, **options)
        atexit.register(self.stop)

    def kill(self) -> None:
        """End the process with SIGKILL, and keep its data for the next `start()`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Stop the process with SIGSTOP: it answers nothing, and its sockets stay."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        # Until all of its threads have stopped, one may still answer.
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a paused process go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process, if it was not stopped before."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None
        atexit.unregister(self.stop)
