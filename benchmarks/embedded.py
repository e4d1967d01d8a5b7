"""Measure the LMDB backend: `python -m benchmarks.embedded`; see README.md here.

Django on LMDB, or on the backend that NONREL_ENGINE names, is compared with Django on a
SQLite file in each round, and in one round with embedded document stores in Python.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.data import SCALES
from benchmarks.operations import OPERATIONS, WRITING
from benchmarks.report import Results, as_table, geometric_mean, million_section, shown
from benchmarks.run import ROOT, Run, names_of, prefix, python_with

# The backend that is measured; the targets are LMDB's.
OURS = "engine" if os.environ.get("NONREL_ENGINE") else "lmdb"
DJANGO = ("sqlite-wal", OURS)
DOCUMENT_STORES = ("tinydb", "mongita", "montydb")
PACKAGES = ("tinydb==4.9.0", "mongita==1.2.0", "montydb==2.5.6")
FOLDER = ROOT / ".cache" / "benchmark-embedded"
# {operation: the largest allowed ratio of our time to SQLite's}
BY_KEY = """
    create get_pk get_indexed_unique save save_update_fields get_or_create_hit exists
    delete_x100 atomic_2_writes
""".split()
BY_INDEX = "range_order_50 first startswith year_lookup exclude fk_filter_by_id".split()
LOCAL = """
    fk_filter fk_filter_count reverse_fk_filter m2m_filter m2m_manager_all
    select_related_1k prefetch_m2m_200 prefetch_rev_fk_200 subquery_in aggregate_avg
    aggregate_avg_filtered group_values_count annotate_count_top10
""".split()
MOST = {**dict.fromkeys(BY_KEY + BY_INDEX, 1.0), **dict.fromkeys(LOCAL, 5.0)}
LEAST_GAIN = 10.0
# For a store in memory these are the length of a list and an item of it.
TRIVIAL = ("count_all", "get_pk")
GROWTH = (10_000, 1_000_000)
MOST_GROWTH = 1.5
MOST_MEGABYTES = 100


class NoServer:
    """Stands for a server: embedded stores have none."""

    uri = ""

    def cpu_seconds(self) -> float:
        return 0.0


class EmbeddedRun(Run):
    """A run without a server."""

    def database(self, backend: str) -> str:
        if backend == "engine":
            return f"{prefix()}_{self.run_id}"
        return str(Path(self.folder) / f"{backend}-{self.run_id}")

    def python(self, backend: str) -> str:
        if backend in DJANGO:
            return sys.executable
        return python_with(PACKAGES, FOLDER)

    def times(self, name: str, backend: str) -> int:
        # One write of theirs may take as long as all of ours.
        if name in WRITING and backend in DOCUMENT_STORES:
            return 1
        return super().times(name, backend)

    def compare_states(self, when: str) -> None:
        answers = {name: worker.ask("state") for name, worker in self.django()}
        self.compare(f"the state after {when}", answers)

    def django(self) -> list[tuple[str, Any]]:
        return [(each.backend, each) for each in self.workers if each.backend in DJANGO]

    def without_document_stores(self) -> None:
        for worker in self.workers:
            if worker.backend in DOCUMENT_STORES:
                worker.close()
        self.workers = [worker for _, worker in self.django()]


def verdicts(results: Results, name: str) -> list[str]:
    """Return a sentence for each target that an operation misses."""
    found: list[str] = []
    if OURS != "lmdb":
        return found
    ratio = results.ratio(name, OURS, "sqlite-wal")
    if ratio is not None and ratio > MOST.get(name, ratio):
        found.append(f"{name}: {ratio:.2f} times SQLite, more than {MOST[name]}")
    for store in DOCUMENT_STORES:
        gain = results.ratio(name, store, OURS)
        if gain is not None and gain < LEAST_GAIN and name not in TRIVIAL:
            found.append(f"{name}: {gain:.1f} times as fast as {store}")
    return found


def verdict(results: Results, name: str) -> str:
    if OURS != "lmdb":
        return "-"
    return "missed" if verdicts(results, name) else "met"


def table(results: Results) -> str:
    rows = []
    for name in results.names():
        sqlite = results.time(name, "sqlite-wal")
        most = MOST.get(name) if OURS == "lmdb" else None
        rows.append(
            (
                name,
                f"{1 / sqlite:.4g}" if sqlite else "-",
                shown(
                    results.ratio(name, OURS, "sqlite-wal"),
                    results.cpu_ratio(name, OURS, "sqlite-wal"),
                ),
                f"{most:g}" if most else "-",
                *(shown(results.ratio(name, each, OURS)) for each in DOCUMENT_STORES),
                verdict(results, name),
            )
        )
    headings = ("operation", "SQLite ops/s", "ours / SQLite", "at most")
    return as_table(
        (*headings, *(f"{each} / ours" for each in DOCUMENT_STORES), "target"), rows
    )


def summary(results: Results) -> tuple[str, bool]:
    lines = [
        f"geometric mean of ours / SQLite, {what}: {geometric_mean(known):.2f}"
        for what, ratio in (("time", results.ratio), ("CPU", results.cpu_ratio))
        if (
            known := [
                found
                for name in results.names()
                if (found := ratio(name, OURS, "sqlite-wal"))
            ]
        )
    ]
    missed = [each for name in results.names() for each in verdicts(results, name)]
    if OURS == "lmdb":
        lines += [f"MISSED {each}" for each in missed] or ["All targets are met."]
    return "\n".join(lines), not missed


def growth(run: EmbeddedRun) -> tuple[str, bool]:
    """Measure operations with few and many rows, and the memory of iterator().

    Return the lines of the report, and whether the targets are met.
    """
    few, many = GROWTH
    run.run_id = "growth"
    worker = run.worker(OURS)
    worker.ask("migrate")
    before = worker.ask("grow", start=0, rows=few)
    after = worker.ask("grow", start=few, rows=many)
    lines, met = [], True
    for name, seconds in before.items():
        ratio = after[name] / seconds
        met = met and ratio <= MOST_GROWTH
        lines.append(
            f"{name}: {seconds * 1e6:.0f} us at {few:,} rows, "
            f"{after[name] * 1e6:.0f} us at {many:,}: {ratio:.2f} times "
            f"(at most {MOST_GROWTH})"
        )
    worker.ask("load_million", count=many)
    worker.close()
    fresh = run.worker(OURS)
    text, small = million_section(fresh.ask("million"), MOST_MEGABYTES)
    if OURS == "engine":
        fresh.ask("drop")
    fresh.close()
    return "\n".join([*lines, text]), met and small


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--scale", choices=SCALES, default="full", help="small: a smoke test")
    add("--rounds", type=int, default=5)
    add("--only", type=names_of(OPERATIONS), default=list(OPERATIONS))
    add("--no-document-stores", action="store_true")
    add("--growth", action="store_true", help="10,000 to 1,000,000 rows as well")
    add("--strict", action="store_true", help="fail when a target is missed")
    options = parser.parse_args(arguments)
    options.backends = list(DJANGO)
    if not options.no_document_stores:
        options.backends += DOCUMENT_STORES
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    with tempfile.TemporaryDirectory(prefix="nonrel-bench-") as folder:
        run = EmbeddedRun(options, NoServer(), folder)
        grown, flat = "", True
        try:
            run.load()
            # Reads come first: the document stores do not have all the writes.
            chosen = sorted(options.only, key=lambda name: name in WRITING)
            options.only = [name for name in chosen if name not in WRITING]
            run.round(0, recorded=False)
            options.only = chosen
            for number in range(1, options.rounds + 1):
                run.round(number, recorded=True)
                run.without_document_stores()
                print(f"round {number} done", flush=True)
            if OURS == "engine":
                run.named(OURS).ask("drop")
            if options.growth:
                grown, flat = growth(run)
        finally:
            run.close()
    results = run.results()
    text, met = summary(results)
    print(table(results), text, grown, sep="\n")
    failed = any(backend in DJANGO for _, backend in results.errors)
    return 1 if failed or (options.strict and not (met and flat)) else 0


if __name__ == "__main__":
    sys.exit(main())
