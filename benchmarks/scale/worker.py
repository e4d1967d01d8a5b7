"""A process that runs the queries of one backend; see benchmarks/worker.py."""

import re
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

from ..answers import digest
from ..worker import database, serve


def set_up(backend: str, uri: str, name: str) -> Any:
    """Set Django up for a backend; return its queries, or those by hand."""
    if backend == "raw":
        from .pipelines import Pipelines

        return Pipelines(uri, name).queries()
    import django
    from django.conf import settings

    entry = database(backend, uri, name)
    if backend == "peer":
        entry["OPTIONS"] = {"timeoutMS": 60_000}
    settings.configure(
        DATABASES={"default": entry},
        INSTALLED_APPS=["benchmarks.scale"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    django.setup()
    from .queries import QUERIES

    return QUERIES


def memory() -> float:
    """Return the megabytes that this process has, without pages of mapped files.

    LMDB maps its file: its pages are the system's cache, which it takes back.
    """
    text = Path("/proc/self/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", text)
    assert found
    return int(found[1]) / 1024


class MostMemory(Thread):
    """Looks at the memory now and then, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.most = memory()
        self.over = Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.most = max(self.most, memory())

    def stop(self) -> float:
        """Return how many megabytes more there were at the most."""
        self.over.set()
        self.join()
        return max(self.most, memory()) - self.before


def load(queries: Any, books: int) -> dict[str, Any]:
    from .queries import load

    start = time.perf_counter()
    load(books)
    return {"seconds": time.perf_counter() - start}


def drop(queries: Any) -> dict[str, Any]:
    from .queries import drop

    drop()
    return {}


def measure(queries: Any, name: str) -> dict[str, Any]:
    """Run a query once; return seconds, megabytes more at the most, and the answer."""
    watch = MostMemory()
    watch.start()
    start = time.perf_counter()
    answer = queries[name]()
    seconds = time.perf_counter() - start
    megabytes = watch.stop()
    hashed, text = digest(answer)
    return {"seconds": seconds, "megabytes": megabytes, "digest": hashed, "text": text}


def explain(queries: Any, name: str) -> dict[str, Any]:
    """Run a query; return what the query log says of it."""
    from django.db import connection

    connection.force_debug_cursor = True
    connection.queries_log.clear()
    queries[name]()
    connection.force_debug_cursor = False
    return {"queries": [query["sql"] for query in connection.queries]}


def main() -> None:
    backend, uri, name = sys.argv[1:]
    commands = {"load": load, "drop": drop, "measure": measure, "explain": explain}
    serve(lambda: set_up(backend, uri, name), commands)


if __name__ == "__main__":
    main()
