"""What a worker does: each operation at random, with what came of it in its ledger."""

import os
import time
import traceback
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from django import db
from django.db.models import F

from nonrel_backend.transactions import retry_transaction

from .database import ACCOUNTS, COUNTERS
from .judge import OPENING_BALANCE
from .ledger import DONE, REFUSED, Failure, Ledger, Operation
from .models import Account, Claim, Counter, Entry, Movement

# An operation's kind -> how often it is chosen.
WEIGHTS = {"append": 4, "claim": 3, "group": 2, "bulk": 2, "increment": 4, "browse": 1}
# Those that need transactions.
IN_TRANSACTIONS = {
    **{"transfer": 3, "transfer_locked": 2, "transfer_read": 2},
    **{"audit": 1, "large": 1},
}
# Rows of a large transaction: with their entries more than DynamoDB writes at once.
LARGE = 60
# Seconds between the statements of a block, and between operations, at most.
PAUSE = 0.01
# Names are claimed out of so many, which are new after so many seconds.
NAMES, NAMES_LAST = 12, 0.5
PACKAGE = f"{os.sep}nonrel_backend{os.sep}"
Prepared = tuple[list[str], Callable[[], None]]


class WrongAnswer(Exception):
    """The store has answered what cannot be."""


class Worker:
    """One worker. `atomic`: whether the store has transactions."""

    def __init__(self, number: int, ledger: Ledger, seed: int, atomic: bool) -> None:
        self.number = number
        self.ledger = ledger
        self.atomic = atomic
        self.chance = Random(f"{seed}-{number}")
        self.weights = {**WEIGHTS, **(IN_TRANSACTIONS if atomic else {})}
        self.count = 0
        # Of the operation that runs: whether all of its statements have run, when the
        # one that runs began, and how long the longest took.
        self.complete = True
        self.began = 0.0
        self.longest = 0.0

    def step(self) -> None:
        """Do one operation."""
        self.count += 1
        name = f"{self.number}-{self.count}"
        (kind,) = self.chance.choices(list(self.weights), list(self.weights.values()))
        writes, work = getattr(self, kind)(name)
        operation = Operation(name, kind, writes)
        self.ledger.intend(operation)
        self.complete = True
        self.began, self.longest = time.monotonic(), 0.0
        try:
            work()
            operation.outcome = DONE
        except WrongAnswer as error:
            operation.complaint = str(error)
        except Exception as error:
            claims = any(text.startswith("claim") for text in writes)
            operation.failure = failed(error, claims)
            if isinstance(error, db.IntegrityError) or not self.complete:
                operation.outcome = REFUSED
        self.lap()
        operation.seconds = round(self.longest, 3)
        self.ledger.end(operation)
        self.pause()

    def lap(self) -> None:
        """Note how long the statement that has ended took."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self.began)
        self.began = now

    def pause(self) -> None:
        """Wait a moment between two statements."""
        self.lap()
        time.sleep(self.chance.random() * PAUSE)
        self.began = time.monotonic()

    def in_block(self, work: Callable[[], None]) -> None:
        """Do `work()` in a transaction, again after conflicts."""

        @retry_transaction
        def run() -> None:
            self.lap()
            # Without transactions, each statement is for good.
            self.complete = not self.atomic
            work()
            self.complete = True
            self.lap()

        run()

    # --- the operations: each returns what it writes, and the work ---

    def append(self, name: str) -> Prepared:
        return ["entry 0"], partial(self.add_entry, name, 0)

    def add_entry(self, name: str, number: int) -> None:
        text = "x" * self.chance.randrange(2_000)
        Entry.objects.create(op=name, number=number, text=text)
        self.lap()

    def new_name(self) -> str:
        """Return a name that other workers want at about this time, too."""
        period = int(time.monotonic() / NAMES_LAST)
        return f"name-{period}-{self.chance.randrange(NAMES)}"

    def claim(self, name: str) -> Prepared:
        wanted = self.new_name()
        work = partial(Claim.objects.create, name=wanted, op=name)
        return [f"claim {wanted}"], work

    def group(self, name: str) -> Prepared:
        """A claim, two lines and a claim, in a block."""
        first, second = f"{self.new_name()}a", f"{self.new_name()}b"

        def work() -> None:
            Claim.objects.create(name=first, op=name)
            self.pause()
            self.add_entry(name, 0)
            self.add_entry(name, 1)
            self.pause()
            Claim.objects.create(name=second, op=name)

        writes = [f"claim {first}", "entry 0", "entry 1", f"claim {second}"]
        return writes, partial(self.in_block, work)

    def bulk(self, name: str) -> Prepared:
        """Three claims in one bulk_create(), which is all or nothing, too."""
        names = sorted({f"{self.new_name()}{letter}" for letter in "abc"})
        claims = [Claim(name=each, op=name) for each in names]

        def work() -> None:
            # In the block that bulk_create() would begin: the commit is not the INSERT.
            with db.transaction.atomic():
                Claim.objects.bulk_create(claims)
                self.lap()

        return [f"claim {each}" for each in names], work

    def large(self, name: str) -> Prepared:
        """Many lines in one block."""

        def work() -> None:
            Entry.objects.bulk_create(
                Entry(op=name, number=number, text="x") for number in range(LARGE)
            )

        writes = [f"entry {number}" for number in range(LARGE)]
        return writes, partial(self.in_block, work)

    def increment(self, name: str) -> Prepared:
        key = self.chance.choice(COUNTERS)

        def work() -> None:
            matched = Counter.objects.filter(pk=key).update(value=F("value") + 1)
            if matched != 1:
                raise WrongAnswer(f"update() of counter {key} returned {matched}")

        return [f"increment {key}"], work

    def browse(self, name: str) -> Prepared:
        """Read some lines slowly, so that a worker is killed in it now and then."""

        def work() -> None:
            rows = Entry.objects.order_by("pk").iterator(chunk_size=20)
            for number, _ in enumerate(rows):
                if number % 20 == 0:
                    self.pause()
                if number == 100:
                    break

        return [], work

    # --- transfers ---

    def moving(self, name: str, move: Callable[[int, int, int], None]) -> Prepared:
        source, target = self.chance.sample(ACCOUNTS, 2)
        amount = self.chance.randint(1, 9)

        def work() -> None:
            move(source, target, amount)
            self.pause()
            Movement.objects.create(
                op=name, source=source, target=target, amount=amount
            )

        return [f"movement {source}>{target}:{amount}"], partial(self.in_block, work)

    def transfer(self, name: str) -> Prepared:
        """By F(): nothing is read before."""
        return self.moving(name, self.move)

    def move(self, source: int, target: int, amount: int) -> None:
        for key, change in ((source, -amount), (target, amount)):
            Account.objects.filter(pk=key).update(balance=F("balance") + change)
            self.pause()

    def transfer_locked(self, name: str) -> Prepared:
        """Read with a lock, then write."""
        return self.moving(
            name, partial(self.change, Account.objects.select_for_update())
        )

    def transfer_read(self, name: str) -> Prepared:
        """Read without a lock, then write."""
        return self.moving(name, partial(self.change, Account.objects.all()))

    def change(self, rows: Any, source: int, target: int, amount: int) -> None:
        found = {row.pk: row for row in rows.filter(pk__in=[source, target])}
        if len(found) != 2:
            raise WrongAnswer(f"{found} of accounts {source} and {target}")
        self.pause()
        found[source].balance -= amount
        found[target].balance += amount
        for row in found.values():
            row.save()
            self.lap()

    def audit(self, name: str) -> Prepared:
        """Read all balances twice in a block."""

        def work() -> None:
            first = dict(Account.objects.values_list("pk", "balance"))
            self.pause()
            second = dict(Account.objects.values_list("pk", "balance"))
            total = OPENING_BALANCE * len(ACCOUNTS)
            if sum(first.values()) != total:
                raise WrongAnswer(f"the total is {sum(first.values())}, not {total}")
            if first != second:
                raise WrongAnswer(f"two reads in one block: {first}, {second}")

        return [], partial(self.in_block, work)


def failed(error: Exception, claims: bool) -> Failure:
    """Return what an operation's error was, and what is wrong with its class."""
    fault = ""
    if not isinstance(error, db.Error):
        fault = f"not an error of Django, raised at {place(error)}"
    elif isinstance(error, db.IntegrityError) and not claims:
        fault = "nothing unique was written"
    elif not isinstance(error, db.OperationalError | db.IntegrityError):
        fault = "a fault is an OperationalError"
    return Failure(type(error).__name__, str(error)[:500], fault)


def place(error: Exception) -> str:
    """Return the last line of this package that an error has passed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if PACKAGE in frame.filename]
    return f"{own[-1].filename.rpartition(PACKAGE)[2]}:{own[-1].lineno}"
