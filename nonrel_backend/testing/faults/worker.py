"""The worker processes: their start, their end, and what one does in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from . import database
from .ledger import SUFFIX, Ledger

START_SECONDS = 60.0


class Workers:
    """Processes that work on one database, each with a ledger in `folder`."""

    def __init__(self, folder: Path, seed: int, chance: Random, count: int) -> None:
        self.folder = folder
        self.seed = seed
        self.chance = chance
        self.count = count
        self.entry: dict[str, Any] = {}
        self.atomic = True
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.started = 0
        # Sentences about workers that ended as they should not.
        self.problems: list[str] = []

    @property
    def ledgers(self) -> list[Path]:
        """Return the files of all workers so far."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    @property
    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        return [process.pid for process in self.running.values()]

    def start(self, entry: dict[str, Any], atomic: bool) -> None:
        """Start all. Return when each has begun to work."""
        self.entry, self.atomic = entry, atomic
        self.replace()
        self.wait()

    def wait(self) -> None:
        """Return when each worker that was started has begun to work."""
        until = time.monotonic() + START_SECONDS
        while len(self.ledgers) < self.started and time.monotonic() < until:
            time.sleep(0.05)

    def replace(self) -> None:
        """Start a worker for each that has ended."""
        for number, process in list(self.running.items()):
            if process.poll() is not None:
                self.ended(number, process)
        while len(self.running) < self.count:
            self.started += 1
            self.running[self.started] = self.process(self.started)

    def process(self, number: int) -> subprocess.Popen[bytes]:
        """Start the worker with this number."""
        task = {
            "number": number,
            "seed": self.seed,
            "entry": self.entry,
            "atomic": self.atomic,
            "ledger": str(self.folder / f"{number}{SUFFIX}"),
            "parent": os.getpid(),
        }
        command = [sys.executable, "-m", __name__, json.dumps(task)]
        with self.errors(number).open("wb") as errors:
            return subprocess.Popen(command, stderr=errors)

    def errors(self, number: int) -> Path:
        """Return the file of what a worker prints."""
        return self.folder / f"{number}.errors"

    def kill(self, count: int = 1) -> None:
        """Kill some workers, whatever they do just now, and start others."""
        count = min(count, len(self.running))
        numbers = self.chance.sample(sorted(self.running), count)
        killed = [self.running.pop(number) for number in numbers]
        for process in killed:
            process.kill()
        for process in killed:
            process.wait()
        self.replace()
        self.wait()

    def ended(self, number: int, process: subprocess.Popen[bytes]) -> None:
        """Note a worker's end that nobody has asked for."""
        del self.running[number]
        text = self.errors(number).read_text(errors="replace")[-500:]
        code = process.returncode
        self.problems.append(f"worker {number} has ended with code {code}: {text}")

    def stop(self, seconds: float) -> None:
        """Let all end their operation; kill those that take longer than `seconds`."""
        for process in self.running.values():
            process.terminate()
        until = time.monotonic() + seconds
        for number, process in list(self.running.items()):
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.problems.append(f"worker {number} has not ended its operation")
                process.kill()
                process.wait()
            else:
                # SIGTERM itself ends a worker that has not begun.
                if process.returncode not in (0, -signal.SIGTERM):
                    self.ended(number, process)
        self.running.clear()

    def kill_all(self) -> None:
        """End all at once, after an error of the run itself."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self.running.clear()


def main(task: dict[str, Any]) -> None:
    """Work until SIGTERM, or until the parent has ended."""
    database.set_up(task["entry"])
    from .operations import Worker

    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    ledger = Ledger(Path(task["ledger"]))
    worker = Worker(task["number"], ledger, task["seed"], task["atomic"])
    while not ended and os.getppid() == task["parent"]:
        worker.step()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
