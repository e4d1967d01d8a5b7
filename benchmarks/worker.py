"""A process that runs one backend.

It reads a JSON command from each line of its input, and writes a JSON answer.
"""

import cProfile
import io
import json
import os
import pstats
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from nonrel_backend.backends import from_environment

from . import data, growth, local
from .answers import digest
from .operations import ONCE, WRITING

# After this time an operation that reads is not repeated any more.
ENOUGH_SECONDS = 0.4
ENGINES = {
    "ours": "nonrel_backend.mongodb",
    "peer": "django_mongodb_backend",
    "sqlite": "django.db.backends.sqlite3",
    "sqlite-wal": "django.db.backends.sqlite3",
    "lmdb": "nonrel_backend.lmdb",
    "dynamodb": "nonrel_backend.dynamodb",
}
KEYS = {"peer": "django_mongodb_backend.fields.ObjectIdAutoField"}
# As durable as LMDB: a commit is on the disk.
WAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"


def database(backend: str, uri: str, name: str) -> dict[str, Any]:
    """Return the entry of DATABASES; "engine" is what NONREL_ENGINE names."""
    if backend == "engine":
        return {**from_environment(), "NAME": name}
    found: dict[str, Any] = {"ENGINE": ENGINES[backend], "NAME": name}
    if backend in ("ours", "peer"):
        found["HOST"] = uri
    if backend == "dynamodb":
        found["OPTIONS"] = {"endpoint_url": uri, "bulk": "batches"}
    if backend == "sqlite-wal":
        found["OPTIONS"] = {"init_command": WAL}
    return found


def make_shop(backend: str, scale: data.Scale, uri: str, name: str) -> Any:
    """Return the operations of a backend. A worker imports only what it needs."""
    if backend == "raw":
        from .raw import RawShop

        return RawShop(scale, uri, name)
    if backend != "engine" and backend not in ENGINES:
        from .documents import DocumentShop

        return DocumentShop(scale, backend, name)
    import django
    from django.conf import settings

    settings.configure(
        DATABASES={"default": database(backend, uri, name)},
        DATABASE_ROUTERS=[],
        INSTALLED_APPS=["benchmarks.shop"],
        DEFAULT_AUTO_FIELD=KEYS.get(backend, "django.db.models.BigAutoField"),
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    django.setup()
    from .orm import OrmShop

    return OrmShop(scale, backend)


def nothing() -> None:
    """Do nothing, for an operation without `before_X` or `after_X`."""


def measure(shop: Any, name: str, times: int, turn: int) -> dict[str, Any]:
    """Do an operation up to `times` times. Return the time and CPU time of one."""
    operation = getattr(shop, name)
    getattr(shop, f"before_{name}", nothing)()
    done = 0
    answer = None
    cpu = time.process_time()
    start = time.perf_counter()
    for number in range(turn, turn + times):
        result = operation(number)
        if not done:
            answer = result
        done += 1
        if name not in WRITING and time.perf_counter() - start > ENOUGH_SECONDS:
            break
    seconds = time.perf_counter() - start
    cpu = time.process_time() - cpu
    getattr(shop, f"after_{name}", nothing)()
    hashed, text = digest(answer)
    return {
        "seconds": seconds / done,
        "cpu": cpu / done,
        "done": done,
        "digest": hashed,
        "answer": text,
    }


def profile(shop: Any, name: str, times: int) -> dict[str, Any]:
    """Return the queries of an operation and its profile."""
    from django.db import connection

    getattr(shop, f"before_{name}", nothing)()
    operation = getattr(shop, name)
    connection.force_debug_cursor = True
    operation(0)
    connection.force_debug_cursor = False
    queries = [query["sql"][:1_000] for query in connection.queries[-5:]]
    profiler = cProfile.Profile()
    if name not in ONCE:
        profiler.enable()
        for number in range(1, times + 1):
            operation(number)
        profiler.disable()
    getattr(shop, f"after_{name}", nothing)()
    out = io.StringIO()
    if name not in ONCE:
        pstats.Stats(profiler, stream=out).sort_stats("tottime").print_stats(30)
    return {"queries": queries, "text": out.getvalue()}


def load(shop: Any) -> dict[str, Any]:
    start = time.perf_counter()
    shop.load()
    return {"seconds": time.perf_counter() - start}


def state(shop: Any) -> dict[str, Any]:
    hashed, text = digest(shop.state())
    return {"digest": hashed, "answer": text}


def migrate(shop: Any) -> dict[str, Any]:
    shop.migrate()
    return {}


def drop(shop: Any) -> dict[str, Any]:
    shop.drop()
    return {}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    "load": load,
    "migrate": migrate,
    "drop": drop,
    "measure": measure,
    "profile": profile,
    "state": state,
    "local_plan": local.plan,
    "load_million": local.load_million,
    "million": local.million,
    "grow": growth.grow,
}


def serve(make: Callable[[], Any], commands: dict[str, Callable[..., Any]]) -> None:
    """Make the subject, and run the command of each line on it."""
    # Only answers are written to the standard output; prints go to the error output.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    subject = make()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = commands[command.pop("command")](subject, **command)
        except Exception as error:
            answer = {
                "error": f"{type(error).__name__}: {error}",
                "traceback": traceback.format_exc(),
            }
        out.write(json.dumps(answer) + "\n")
        out.flush()


def main() -> None:
    backend, scale, uri, name = sys.argv[1:]
    serve(lambda: make_shop(backend, data.SCALES[scale], uri, name), COMMANDS)


if __name__ == "__main__":
    main()
