"""`python -m nonrel_backend.testing.faults --backend lmdb`: run faults, and report."""

import argparse
import re
import sys
import time
from collections import Counter, defaultdict

from .ledger import DONE, REFUSED, UNKNOWN, Operation
from .run import Report, run

BACKENDS = ("lmdb", "mongodb", "riak", "dynamodb")
WORKERS = 4
# How many lines of errors, and of violations of one kind, are printed.
MOST_ERRORS, MOST_VIOLATIONS = 20, 8
TEXT_LENGTH = 120
# What differs between errors of one kind: addresses, ids, names, times.
VARIABLE = re.compile(r"\b[0-9a-f]{24}\b|\d+(\.\d+)*")


def main() -> int:
    """Run with command-line arguments. Return the exit code: 1 if anything was
    violated.
    """
    parser = argparse.ArgumentParser(
        prog="python -m nonrel_backend.testing.faults",
        description="Let processes write to a store while it is killed, stopped and "
        "cut off. Then verify that nothing acknowledged is lost.",
    )
    parser.add_argument("--backend", choices=BACKENDS, required=True)
    parser.add_argument("--seconds", type=float, default=60, help="how long (60)")
    parser.add_argument("--seed", type=int, help="default: by the time")
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"({WORKERS})")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    report = run(options.backend, options.seconds, seed, options.workers)
    print(
        f"{options.backend}, seed {seed}: {report.seconds:.0f} s, "
        f"{report.workers} workers, {options.workers} at a time, "
        f"deadline {report.deadline:g} s"
    )
    print("\n".join(lines(report)))
    return 1 if report.violations else 0


def lines(report: Report) -> list[str]:
    """Return the report in lines of text."""
    found = table(report.operations)
    found += ["faults:"]
    found += [
        f"    {number:5} {name}" for name, number in sorted(report.faults.items())
    ]
    found += ["errors:", *errors(report.operations)]
    found += [f"violations: {len(report.violations) or 'none'}"]
    return found + violations(report.violations)


def table(operations: list[Operation]) -> list[str]:
    """Return the operations by kind and outcome, with the longest."""
    kinds: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        kinds[operation.kind].append(operation)
    found = [f"{'operations':16} {DONE:>8} {REFUSED:>8} {UNKNOWN:>8}  longest"]
    for kind, some in [*sorted(kinds.items()), ("all", operations)]:
        outcomes = Counter(operation.outcome for operation in some)
        numbers = " ".join(f"{outcomes[each]:8}" for each in (DONE, REFUSED, UNKNOWN))
        longest = max((operation.seconds for operation in some), default=0.0)
        found.append(f"    {kind:12} {numbers} {longest:6.2f} s")
    return found


def violations(sentences: list[str]) -> list[str]:
    """Return some of the violations of each kind, which they begin with."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for sentence in sentences:
        kinds[sentence.partition(":")[0]].append(sentence)
    found = []
    for some in kinds.values():
        found += [f"    {each}" for each in some[:MOST_VIOLATIONS]]
        rest = len(some) - MOST_VIOLATIONS
        found += [f"        and {rest} like it"] if rest > 0 else []
    return found


def errors(operations: list[Operation]) -> list[str]:
    """Return the errors by class and text, the most frequent first."""
    failures = [each.failure for each in operations if each.failure]
    found = Counter(
        f"{each.kind}: {VARIABLE.sub('#', each.text)}"[:TEXT_LENGTH]
        for each in failures
    )
    listed = [
        f"    {number:5} {text}" for text, number in found.most_common(MOST_ERRORS)
    ]
    rest = len(found) - len(listed)
    return listed + ([f"    and {rest} others"] if rest > 0 else [])


if __name__ == "__main__":
    sys.exit(main())
