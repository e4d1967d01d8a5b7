"""Plant each fault in turn: `python -m tests.mutants [part of a name]`."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import Mutant, found, mutants


def run(mutant: Mutant) -> tuple[bool, str]:
    """Plant a fault in a temporary folder; return whether it is found, and a text."""
    with tempfile.TemporaryDirectory(prefix="nonrel-mutant-") as folder:
        return found(mutant, Path(folder))


def main() -> int:
    part = " ".join(sys.argv[1:])
    chosen = [each for each in mutants() if part in each.name]
    survivors = []
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(run, chosen)
        for mutant, (is_found, text) in zip(chosen, results, strict=True):
            mark = "found" if is_found else "NOT FOUND"
            print(f"{mark}: {mutant.name} ({mutant.file})\n  {text}\n", flush=True)
            if not is_found:
                survivors.append(mutant.name)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} faults are found.")
    print(*(f"NOT FOUND: {name}" for name in survivors), sep="\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
