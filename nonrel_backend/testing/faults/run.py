"""A fault run: workers write while faults are made; then the store is judged."""

import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from . import database
from .judge import GRACE_SECONDS, State, violations
from .ledger import Operation, read
from .store import FaultyStore
from .worker import Workers

# Seconds between two faults, at most, and on the whole store before the end.
PAUSE, CALM = 1.0, 1.0
# Seconds until a store that is whole must have been read.
READ_SECONDS = 60.0


@dataclass
class Report:
    """What was done in a run, and what was violated."""

    operations: list[Operation]
    faults: Counter[str]
    violations: list[str]
    workers: int
    seconds: float
    deadline: float


def run(backend: str, seconds: float, seed: int, workers: int) -> Report:
    """Run workers and faults on a backend for so many seconds; return what came of it.

    A fault that has begun is ended first, and the store is whole for the last second.
    """
    module = import_module(f"{__package__}.{backend}")
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        ledgers, stored = Path(name, "ledgers"), Path(name, "stored")
        ledgers.mkdir()
        stored.mkdir()
        team = Workers(ledgers, seed, Random(f"workers {seed}"), workers)
        store = module.Faults(stored, Random(f"faults {seed}"), team)
        try:
            entry = store.start()
            database.set_up(entry)
            database.create_tables()
            team.start(entry, store.promises.atomic)
            began = time.monotonic()
            faults = make_faults(store, team, seconds, Random(f"order {seed}"))
            store.heal()
            team.replace()
            time.sleep(CALM)
            took = time.monotonic() - began
            team.stop(2 * (store.promises.deadline + GRACE_SECONDS))
            found = store.check()
            operations = read(ledgers)
            found += violations(operations, stored_state(), store.promises)
            found += team.problems + store.problems
            deadline = store.promises.deadline
            return Report(operations, faults, found, team.started, took, deadline)
        finally:
            team.kill_all()
            store.stop()


def make_faults(
    store: FaultyStore, team: Workers, seconds: float, order: Random
) -> Counter[str]:
    """Make faults for so many seconds: all of them, in an order by chance, then again.

    Return how many of each were made.
    """
    until = time.monotonic() + seconds
    faults = store.faults()
    made: Counter[str] = Counter()
    waiting: list[str] = []
    while time.monotonic() < until:
        if not waiting:
            waiting = order.sample(list(faults), len(faults))
        fault = waiting.pop()
        faults[fault]()
        made[fault] += 1
        team.replace()
        store.wait(0, PAUSE)
    return made


def stored_state() -> State:
    """Return what the tables hold, as soon as the store can be read."""
    until = time.monotonic() + READ_SECONDS
    while True:
        try:
            return database.read_state()
        except OperationalError:
            if time.monotonic() > until:
                raise
            connections[DEFAULT_DB_ALIAS].close()
            time.sleep(0.5)
