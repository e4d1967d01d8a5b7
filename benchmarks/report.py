"""The table of a run, and the targets that it misses."""

from dataclasses import dataclass
from math import exp, log
from statistics import median
from typing import Any

from .operations import OPERATIONS, TENFOLD

MOST_OVER_FLOOR = 1.3
MOST_IN_THE_MEAN = 1.0
MOST_LOCAL = 3.0
MOST_MEGABYTES = 150


@dataclass
class Results:
    """Seconds and CPU seconds by operation and backend, one for each round."""

    seconds: dict[tuple[str, str], list[float]]
    cpu: dict[tuple[str, str], list[float]]
    errors: dict[tuple[str, str], str]

    def time(self, name: str, backend: str) -> float | None:
        found = self.seconds.get((name, backend))
        return median(found) if found else None

    def ratio(self, name: str, over: str, *under: str) -> float | None:
        times = [self.time(name, backend) for backend in (over, *under)]
        known = [each for each in times if each is not None]
        return known[0] / sum(known[1:]) if known == times else None

    def cpu_ratio(self, name: str, over: str, under: str) -> float | None:
        first, second = (self.cpu.get((name, each)) for each in (over, under))
        if not first or not second or not median(second):
            return None
        return median(first) / median(second)

    def names(self) -> list[str]:
        return [
            name
            for name in OPERATIONS
            if any(name == operation for operation, _ in self.seconds)
        ]


def geometric_mean(values: list[float]) -> float:
    return exp(sum(map(log, values)) / len(values))


def shown(value: float | None, cpu: float | None = None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if cpu is None else f"{value:.2f} [{cpu:.2f}]"


HEADINGS = (
    "operation",
    "raw ops/s",
    "peer / raw",
    "SQLite / raw",
    "ours / raw",
    "ours / (raw + SQLite)",
    "peer / ours",
    "target",
)


def row(results: Results, name: str) -> tuple[str, ...]:
    raw = results.time(name, "raw")
    peer, sqlite, ours = (
        shown(
            results.ratio(name, backend, "raw"), results.cpu_ratio(name, backend, "raw")
        )
        for backend in ("peer", "sqlite", "ours")
    )
    verdict = "missed" if misses(results, name) else "met"
    return (
        name,
        f"{1 / raw:.4g}" if raw else "-",
        peer,
        sqlite,
        ours,
        shown(results.ratio(name, "ours", "raw", "sqlite")),
        shown(results.ratio(name, "peer", "ours")),
        verdict if results.time(name, "ours") else "-",
    )


def misses(results: Results, name: str) -> list[str]:
    """Return a sentence for each target that an operation misses."""
    found = []
    if (name, "ours") in results.errors:
        found.append(f"{name}: ours fails: {results.errors[name, 'ours']}")
    floor = results.ratio(name, "ours", "raw", "sqlite")
    if floor is not None and floor > MOST_OVER_FLOOR:
        found.append(
            f"{name}: {floor:.2f} times raw + SQLite, more than {MOST_OVER_FLOOR}"
        )
    gain = results.ratio(name, "peer", "ours")
    if gain is not None and gain < 1:
        found.append(f"{name}: {1 / gain:.2f} times as long as the peer")
    if gain is not None and name in TENFOLD and gain < 10:
        found.append(f"{name}: {gain:.1f} times as fast as the peer, less than 10")
    return found


def as_table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(results: Results) -> str:
    return as_table(HEADINGS, [row(results, name) for name in results.names()])


def targets(results: Results) -> list[str]:
    """Return a sentence for each target that the run misses."""
    missed = [each for name in results.names() for each in misses(results, name)]
    mean = mean_over_floor(results, "ours")
    if mean is not None and mean > MOST_IN_THE_MEAN:
        missed.append(
            f"the geometric mean of ours / (raw + SQLite) is {mean:.2f}, "
            f"more than {MOST_IN_THE_MEAN}"
        )
    return missed


def mean_over_floor(results: Results, backend: str) -> float | None:
    ratios = [results.ratio(name, backend, "raw", "sqlite") for name in results.names()]
    known = [ratio for ratio in ratios if ratio is not None]
    return geometric_mean(known) if known else None


def summary(results: Results) -> str:
    lines = [
        f"geometric mean of {backend} / (raw + SQLite): "
        f"{shown(mean_over_floor(results, backend))}"
        for backend in ("ours", "peer")
    ]
    for (name, backend), error in results.errors.items():
        lines.append(f"{backend} cannot do {name}: {error}")
    missed = targets(results)
    lines += [f"MISSED {each}" for each in missed]
    if not missed and any(backend == "ours" for _, backend in results.seconds):
        lines.append("All targets are met.")
    return "\n".join(lines)


def local_section(raw: dict[str, Any], ours: dict[str, Any]) -> tuple[str, bool]:
    """Return the line about local plans, and whether its target is met."""
    ratio = ours["seconds"] / raw["seconds"]
    text = (
        f"local plan over {raw['rows']} rows of 6 columns: {ours['seconds']:.3f} s, "
        f"raw pymongo into tuples {raw['seconds']:.3f} s: {ratio:.2f} times "
        f"(at most {MOST_LOCAL})"
    )
    return text, ratio <= MOST_LOCAL


def million_section(
    answer: dict[str, Any], most: int = MOST_MEGABYTES
) -> tuple[str, bool]:
    text = (
        f"iterator() over {answer['rows']} rows: {answer['seconds']:.1f} s, "
        f"{answer['megabytes']:.0f} MB at most, {answer['growth']:.0f} MB more than "
        f"before (at most {most})"
    )
    return text, answer["megabytes"] <= most
