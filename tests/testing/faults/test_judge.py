"""The judge of fault runs sees what is planted, and nothing in what is right."""

from collections.abc import Callable

import pytest

from nonrel_backend.testing.faults.judge import (
    OPENING_BALANCE,
    Promises,
    State,
    violations,
    wrong_rows,
)
from nonrel_backend.testing.faults.ledger import (
    DONE,
    REFUSED,
    UNKNOWN,
    Failure,
    Ledger,
    Operation,
    read,
)

SEVERAL = ["claim a", "entry 0", "entry 1"]
OTHERS = ["claim b", "entry 0", "entry 1"]
Change = Callable[[dict[str, Operation], State], object]


def operations() -> list[Operation]:
    """Return what workers were told: a bit of everything, all of it right."""
    return [
        Operation("1-1", "append", ["entry 0"], DONE, 0.1),
        Operation("1-2", "claim", ["claim n"], DONE, 0.1),
        Operation("2-1", "claim", ["claim n"], REFUSED, 0.1),
        Operation("1-3", "group", SEVERAL, DONE, 0.1),
        Operation("1-4", "group", OTHERS, UNKNOWN),
        Operation("1-5", "transfer", ["movement 1>2:30"], DONE, 0.1),
        Operation("1-6", "transfer", ["movement 2>1:5"], UNKNOWN),
        Operation("1-7", "increment", ["increment 1"], DONE, 0.1),
        Operation("1-8", "increment", ["increment 1"], UNKNOWN),
    ]


def state() -> State:
    """Return what a store holds after these operations."""
    return State(
        rows={
            "1-1": ["entry 0"],
            "1-2": ["claim n"],
            "1-3": SEVERAL[:],
            "1-5": ["movement 1>2:30"],
        },
        balances={1: OPENING_BALANCE - 30, 2: OPENING_BALANCE + 30},
        movements=[(1, 2, 30)],
        counters={1: 1},
    )


def judged(change: Change, atomic: bool = True, lost: int | None = None) -> str:
    """Return the violations in one text, after a change of what is right."""
    told = {each.name: each for each in operations()}
    stored = state()
    change(told, stored)
    promises = Promises(deadline=1.0, atomic=atomic)
    if lost is None:
        found = violations(told.values(), stored, promises)
    else:
        found = wrong_rows(list(told.values()), stored, promises, lost)
    return "\n".join(found)


def write_the_unknown(told: dict[str, Operation], stored: State) -> None:
    stored.rows["1-4"] = OTHERS[:]
    stored.rows["1-6"] = ["movement 2>1:5"]
    stored.movements.append((2, 1, 5))
    stored.balances = {1: OPENING_BALANCE - 25, 2: OPENING_BALANCE + 25}
    stored.counters[1] = 2


def test_nothing_is_violated_whether_the_unknown_was_written_or_not() -> None:
    assert judged(lambda told, stored: None) == ""
    assert judged(write_the_unknown) == ""


def fail(told: dict[str, Operation], name: str, fault: str) -> None:
    told[name].failure = Failure("ValueError", "bad", fault)


PLANTED: dict[str, tuple[Change, str]] = {
    "a lost append": (
        lambda told, stored: stored.rows.pop("1-1"),
        "lost: append 1-1 (done): ['entry 0']",
    ),
    "a part of a group lost": (
        lambda told, stored: stored.rows["1-3"].remove("entry 1"),
        "lost: group 1-3 (done): ['entry 1']",
    ),
    "half of an unknown group": (
        lambda told, stored: stored.rows.update({"1-4": ["claim b"]}),
        "half-written: group 1-4",
    ),
    "a refused claim written": (
        lambda told, stored: stored.rows.update({"2-1": ["claim n"]}),
        "written, but refused: claim 2-1",
    ),
    "a double claim": (
        lambda told, stored: stored.rows.update({"1-4": [*OTHERS, "claim n"]}),
        "double claim: 'claim n' is of the operations 1-2, 1-4",
    ),
    "an entry written twice": (
        lambda told, stored: stored.rows["1-1"].append("entry 0"),
        "written twice: append 1-1",
    ),
    "half a transfer": (
        lambda told, stored: stored.balances.update({2: OPENING_BALANCE}),
        "half a transfer: account 2",
    ),
    "a total that has changed": (
        lambda told, stored: stored.balances.update({2: OPENING_BALANCE}),
        "half a transfer: the total of all accounts is not",
    ),
    "a transfer whose row is lost": (
        lambda told, stored: stored.rows.pop("1-5"),
        "lost: transfer 1-5",
    ),
    "a lost increment": (
        lambda told, stored: stored.counters.update({1: 0}),
        "lost: an increment: counter 1 is 0, and 1 were acknowledged",
    ),
    "an increment too many": (
        lambda told, stored: stored.counters.update({1: 3}),
        "written twice: counter 1 is 3, of 2 increments",
    ),
    "a row that nobody wrote": (
        lambda told, stored: stored.rows.update({"9-9": ["entry 0"]}),
        "not of any operation",
    ),
    "an error that is not Django's": (
        lambda told, stored: fail(told, "1-4", "not an error of Django"),
        "wrong error: group 1-4 (unknown), not an error of Django: ValueError: bad",
    ),
    "too long an operation": (
        lambda told, stored: setattr(told["1-1"], "seconds", 3.5),
        "too long: append 1-1 (done) took 3.5 s of 1",
    ),
    "a wrong answer": (
        lambda told, stored: setattr(told["1-1"], "complaint", "7 is not 8"),
        "read wrongly: append 1-1 (done): 7 is not 8",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_judge_sees(name: str) -> None:
    change, sentence = PLANTED[name]
    assert sentence in judged(change)


def test_without_transactions_a_part_of_an_unknown_group_is_right() -> None:
    def plant(told: dict[str, Operation], stored: State) -> None:
        stored.rows["1-4"] = ["claim b"]

    assert judged(plant, atomic=False) == ""


@pytest.mark.parametrize(("lost", "expected"), [(0, 2), (1, 2), (2, 0)])
def test_so_many_operations_may_be_lost_by_a_power_cut(
    lost: int, expected: int
) -> None:
    def plant(told: dict[str, Operation], stored: State) -> None:
        del stored.rows["1-1"], stored.rows["1-2"]

    assert len(judged(plant, lost=lost).splitlines()) == expected


def test_a_power_cut_leaves_no_half_of_an_operation() -> None:
    def plant(told: dict[str, Operation], stored: State) -> None:
        stored.rows["1-3"].remove("entry 1")

    assert "lost: group 1-3" in judged(plant, lost=1)


def test_a_ledger_tells_what_a_killed_worker_was_told(tmp_path) -> None:
    ledger = Ledger(tmp_path / "1.ledger")
    told = Operation("1-1", "claim", ["claim n"], UNKNOWN, 0.5, Failure("E", "text"))
    for operation in (told, Operation("1-2", "append", ["entry 0"])):
        ledger.intend(operation)
    ledger.end(told)
    assert read(tmp_path) == [told, Operation("1-2", "append", ["entry 0"], UNKNOWN)]
