"""Run one REST library in a process of its own.

Each line of the input is a JSON command, each line of the output its JSON result.
"""

import cProfile
import datetime
import io
import json
import pstats
import sys
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from . import local, restmillion
from .restapps import LIBRARIES, OBJECTS, PAGE
from .worker import KEYS, WAL, serve

ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "lmdb": "nonrel_backend.lmdb",
    "mongodb": "nonrel_backend.mongodb",
    "peer": "django_mongodb_backend",
}
ROWS = 1000
AUTHORS = 20
FIRST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
# What POST and PATCH send.
BOOK = {
    "title": "New", "subtitle": None, "price": "9.50", "published": "2020-01-01",
    "created": "2020-01-01T00:00:00Z", "rating": 3, "pages": 5, "shelf": 1, "stock": 0,
    "data": {"city": "Rome"},
}  # fmt: skip
CHANGE = {"pages": 7}
urlpatterns: list = []


def configure(store: str, uri: str, name: str) -> None:
    import django
    from django.conf import settings

    database: dict[str, Any] = {"ENGINE": ENGINES[store], "NAME": name}
    if uri:
        database["HOST"] = uri
    if store == "sqlite":
        database["OPTIONS"] = {"init_command": WAL}
    settings.configure(
        SECRET_KEY="bench",
        USE_TZ=True,
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD=KEYS.get(store, "django.db.models.BigAutoField"),
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "benchmarks.shop",
        ],
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
    )
    django.setup()


class Bookshop:
    """The rows, and the requests of each operation."""

    def __init__(self, library: str) -> None:
        from django.test import Client
        from django.urls import include, path

        from .shop.models import Author, Book

        self.library = library
        self.client = Client()
        urlpatterns.append(path("", include(LIBRARIES[library]())))
        self.authors, self.books = Author.objects, Book.objects.order_by("id")

    def load(self) -> None:
        from django.apps import apps
        from django.db import connection

        with connection.schema_editor() as editor:
            for model in apps.get_app_config("shop").get_models():
                editor.create_model(model)
        authors = [
            self.authors.create(name=f"Author {n}", email=f"{n}@x.org", country="x")
            for n in range(AUTHORS)
        ]
        self.books.bulk_create(
            self.books.model(
                title=f"Title {n}", subtitle=None, author=authors[n % AUTHORS],
                price="9.50", published=FIRST.date(), rating=n % 5, pages=n,
                created=FIRST + datetime.timedelta(hours=n), shelf=n % 7,
                data={"city": "Rome", "tags": ["a", "b"]},
            )
            for n in range(ROWS)
        )  # fmt: skip
        self.books.filter(title="Title 5").update(**CHANGE)

    @cached_property
    def author(self) -> Any:
        return self.authors.get(name="Author 0").pk

    @cached_property
    def detail_uri(self) -> str:
        return f"/v1/book/{self.books.get(title='Title 5').pk}/"

    def after(self, operation: str) -> None:
        """Restore the number of rows after an operation."""
        if operation == "create":
            self.books.filter(title=BOOK["title"]).delete()

    # --- the request of an operation, and whether the response is correct ---

    def list(self) -> tuple[Callable, Callable]:
        def right(status: int, data: Any) -> bool:
            titles = [book["title"] for book in data[OBJECTS[self.library]]]
            return status == 200 and titles == [f"Title {n}" for n in range(PAGE)]

        return lambda: self.client.get("/v1/book/", {"limit": PAGE}), right

    def detail(self) -> tuple[Callable, Callable]:
        uri = self.detail_uri
        return (
            lambda: self.client.get(uri),
            lambda status, data: (
                (status, data["title"], data["pages"])
                == (200, "Title 5", CHANGE["pages"])
            ),
        )

    def create(self) -> tuple[Callable, Callable]:
        name, author = {
            "ninja": ("author_id", self.author),
            "drf": ("author", self.author),
        }.get(self.library, ("author", f"/v1/author/{self.author}/"))
        author = author if isinstance(author, int) else str(author)
        send = self.writing("post", "/v1/book/", BOOK | {name: author})
        return (
            send,
            lambda status, data: (
                (status, data["pages"], data[name]) == (201, BOOK["pages"], author)
            ),
        )

    def patch(self) -> tuple[Callable, Callable]:
        return (
            self.writing("patch", self.detail_uri, CHANGE),
            lambda status, data: (
                status in (200, 202) and data["pages"] == CHANGE["pages"]
            ),
        )

    def writing(self, method: str, uri: str, data: dict) -> Callable:
        send, body = getattr(self.client, method), json.dumps(data)
        return lambda: send(uri, body, content_type="application/json")


def load(shop: Bookshop) -> dict[str, Any]:
    shop.load()
    return {}


def load_million(shop: Bookshop, count: int) -> dict[str, Any]:
    shop.load()
    return local.load_million(shop, count)


def measure(shop: Bookshop, operation: str, seconds: float) -> dict[str, float]:
    """Return the seconds and the CPU seconds of a request: the first decile, so that
    other load does not count.
    """
    send, right = getattr(shop, operation)()
    response = send()
    if not right(response.status_code, response.json()):
        raise AssertionError(f"{response.status_code}: {response.content[:500]!r}")
    times, cpu = [], []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        before = time.process_time()
        send()
        cpu.append(time.process_time() - before)
        times.append(time.perf_counter() - start)
    shop.after(operation)
    tenth = len(times) // 10
    return {"seconds": sorted(times)[tenth], "cpu": sorted(cpu)[tenth]}


def profile(shop: Bookshop, operation: str) -> dict[str, str]:
    """Return a profile of 500 requests."""
    send, _ = getattr(shop, operation)()
    send()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(500):
        send()
    profiler.disable()
    shop.after(operation)
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).sort_stats("tottime").print_stats(40)
    return {"text": out.getvalue()}


def main() -> None:
    library, store, uri, name = sys.argv[1:]
    configure(store, uri, name)
    commands = {
        "load": load,
        "measure": measure,
        "profile": profile,
        "load_million": load_million,
        "export": restmillion.export,
        "depth": restmillion.depth,
    }
    serve(lambda: Bookshop(library), commands)


if __name__ == "__main__":
    # ROOT_URLCONF is this module by its real name.
    from benchmarks import restworker

    restworker.main()
