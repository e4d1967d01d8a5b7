"""What a store holds after a fault run, against what the workers were told."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .ledger import DONE, REFUSED, Operation

# What an operation may take beyond the deadline: the machine is busy, too.
GRACE_SECONDS = 2.0
OPENING_BALANCE = 1_000


@dataclass(frozen=True)
class Promises:
    """What a backend promises.

    `deadline`: the seconds after which an operation ends, as it is configured.
    `atomic`: whether an operation of several rows writes all or none of them.
    """

    deadline: float
    atomic: bool = True


@dataclass
class State:
    """What the tables hold."""

    # By the name of an operation, the texts of its rows: see Operation.writes.
    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    balances: dict[int, int] = field(default_factory=dict)
    movements: list[tuple[int, int, int]] = field(default_factory=list)
    counters: dict[int, int] = field(default_factory=dict)


def violations(
    operations: Iterable[Operation], state: State, promises: Promises
) -> list[str]:
    """Return a sentence for each promise that was not kept: first its kind, a colon."""
    operations = list(operations)
    found = wrong_rows(operations, state, promises)
    for operation in operations:
        found += conduct(operation, promises)
    return found


def wrong_rows(
    operations: list[Operation], state: State, promises: Promises, lost: int = 0
) -> list[str]:
    """Return a sentence for each thing that the tables should hold, or should not.

    As many as `lost` acknowledged operations may be missing as a whole: the last ones
    before a power cut.
    """
    missing: list[str] = []
    found: list[str] = []
    for operation in operations:
        sentence = missing_rows(operation, state)
        if sentence:
            whole = promises.atomic and not state.rows.get(operation.name)
            (missing if whole else found).append(sentence)
        found += other_rows(operation, state, promises)
    missing += lost_increments(operations, state)
    if len(missing) > lost:
        found += missing
    found += surplus_increments(operations, state)
    found += strangers(operations, state)
    found += accounts(state)
    return found + double_claims(state)


def double_claims(state: State) -> list[str]:
    """Return a sentence for each name that several rows hold."""
    holders: dict[str, list[str]] = defaultdict(list)
    for operation, rows in state.rows.items():
        for text in rows:
            if text.startswith("claim"):
                holders[text].append(operation)
    return [
        f"double claim: {text!r} is of the operations {', '.join(names)}."
        for text, names in holders.items()
        if len(names) > 1
    ]


def wanted(operation: Operation) -> Counter[str]:
    """Return the rows that an operation writes."""
    rows = (text for text in operation.writes if not text.startswith("increment"))
    return Counter(rows)


def described(operation: Operation) -> str:
    return f"{operation.kind} {operation.name} ({operation.outcome})"


def missing_rows(operation: Operation, state: State) -> str:
    """Return a sentence if an acknowledged row is not there, else ""."""
    missing = wanted(operation) - Counter(state.rows.get(operation.name, ()))
    if operation.outcome != DONE or not missing:
        return ""
    return f"lost: {described(operation)}: {sorted(missing.elements())}."


def other_rows(operation: Operation, state: State, promises: Promises) -> Iterator[str]:
    """Yield a sentence for rows that should not be there, or not without others."""
    rows, there = wanted(operation), Counter(state.rows.get(operation.name, ()))
    if there - rows:
        surplus = sorted((there - rows).elements())
        yield f"written twice: {described(operation)}: {surplus}."
    if operation.outcome == DONE or not there:
        return
    single = sum(rows.values()) == 1
    if operation.outcome == REFUSED and (promises.atomic or single):
        yield f"written, but refused: {described(operation)}: {failure(operation)}."
    elif promises.atomic and rows - there:
        yield f"half-written: {described(operation)}: {sorted(there)} of {rows}."


def failure(operation: Operation) -> str:
    found = operation.failure
    return f"{found.kind}: {found.text}" if found else "no error"


def conduct(operation: Operation, promises: Promises) -> Iterator[str]:
    """Yield what is wrong with an operation's time, error and reading."""
    if operation.seconds > promises.deadline + GRACE_SECONDS:
        yield (
            f"too long: {described(operation)} took {operation.seconds:.1f} s of "
            f"{promises.deadline:g}: {failure(operation)}."
        )
    if operation.failure and operation.failure.fault:
        fault = operation.failure.fault
        yield f"wrong error: {described(operation)}, {fault}: {failure(operation)}."
    if operation.complaint:
        yield f"read wrongly: {described(operation)}: {operation.complaint}."


def increments(operations: list[Operation]) -> tuple[Counter[int], Counter[int]]:
    """Return how often each counter was incremented: for sure, and at most."""
    least: Counter[int] = Counter()
    most: Counter[int] = Counter()
    for operation in operations:
        for text in operation.writes:
            word, _, key = text.partition(" ")
            if word == "increment" and operation.outcome != REFUSED:
                most[int(key)] += 1
                least[int(key)] += operation.outcome == DONE
    return least, most


def lost_increments(operations: list[Operation], state: State) -> list[str]:
    """Return a sentence for each acknowledged increment that is lost."""
    least, _ = increments(operations)
    return [
        f"lost: an increment: counter {key} is {state.counters.get(key)}, and "
        f"{number} were acknowledged."
        for key, number in least.items()
        for _ in range(number - state.counters.get(key, 0))
    ]


def surplus_increments(operations: list[Operation], state: State) -> list[str]:
    """Return a sentence for each counter that is larger than it can be."""
    _, most = increments(operations)
    return [
        f"written twice: counter {key} is {value}, of {most[key]} increments."
        for key, value in state.counters.items()
        if value > most[key]
    ]


def strangers(operations: list[Operation], state: State) -> list[str]:
    """Return a sentence for each row that no operation has written."""
    known = {operation.name for operation in operations}
    return [
        f"not of any operation: {rows} of {name!r}."
        for name, rows in state.rows.items()
        if name not in known
    ]


def accounts(state: State) -> list[str]:
    """Return a sentence for each balance that is not the sum of the movements."""
    expected = dict.fromkeys(state.balances, OPENING_BALANCE)
    for source, target, amount in state.movements:
        expected[source] -= amount
        expected[target] += amount
    found = [
        f"half a transfer: account {key} has {balance}, but its movements make "
        f"{expected[key]}."
        for key, balance in state.balances.items()
        if balance != expected[key]
    ]
    total = OPENING_BALANCE * len(state.balances)
    if sum(state.balances.values()) != total:
        found.append(f"half a transfer: the total of all accounts is not {total}.")
    return found
