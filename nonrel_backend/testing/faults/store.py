"""FaultyStore: what a fault run needs of a backend: its store and its faults."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from .judge import Promises
from .worker import Workers


class FaultyStore(ABC):
    """A store that is started for a run, and its faults.

    `folder` is an empty one for what it stores, `chance` decides what is left to it.
    """

    promises: Promises

    def __init__(self, folder: Path, chance: Random, workers: Workers) -> None:
        self.folder = folder
        self.chance = chance
        self.workers = workers
        # What a fault itself has found to be wrong.
        self.problems: list[str] = []

    @abstractmethod
    def start(self) -> dict[str, Any]:
        """Start the store. Return the entry of DATABASES for it."""

    @abstractmethod
    def faults(self) -> dict[str, Callable[[], object]]:
        """Return the faults by name: functions that return when a fault is over."""

    @abstractmethod
    def heal(self) -> None:
        """Make the store whole. Return when it is."""

    def check(self) -> list[str]:
        """Return what the store itself says is wrong, after the run."""
        return []

    @abstractmethod
    def stop(self) -> None:
        """End what was started, if anything was."""

    def wait(self, least: float, most: float) -> None:
        """Let the workers meet the fault for so many seconds."""
        time.sleep(self.chance.uniform(least, most))
