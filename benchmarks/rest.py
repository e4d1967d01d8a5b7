"""REST side by side: ours, django-tastypie, Django REST framework and django-ninja.

python -m benchmarks.rest [--backend sqlite|lmdb|mongodb] [--rounds N]

In one process on one database: a list of 20, a detail, a create and a PATCH, in turn,
round by round. Each serves the same columns of the same rows.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from uuid import uuid4

ROWS = 1000
COLUMNS = [
    "id", "title", "subtitle", "price", "published", "created", "rating", "pages",
    "shelf", "stock", "data",
]  # fmt: skip
# Who is measured, in the order of the table.
NAMES = ("ours", "tastypie", "drf", "ninja")
OPERATIONS = ("list", "detail", "create", "patch")


def configure(backend: str) -> None:
    import django
    from django.conf import settings

    databases = {
        "sqlite": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(tempfile.mkdtemp(), "bench.sqlite3"),
        },
        "lmdb": {"ENGINE": "nonrel_backend.lmdb", "NAME": tempfile.mkdtemp()},
        "mongodb": {
            "ENGINE": "nonrel_backend.mongodb",
            "HOST": os.environ.get("MONGODB_URI", ""),
            "NAME": f"bench_{uuid4().hex[:8]}",
        },
    }
    settings.configure(
        SECRET_KEY="bench",
        USE_TZ=True,
        DATABASES={"default": databases[backend]},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
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


def fill() -> None:
    import datetime

    from django.core.management import call_command

    from benchmarks.shop.models import Author, Book

    call_command("migrate", run_syncdb=True, verbosity=0)
    authors = [
        Author.objects.create(name=f"Author {each}", email=f"{each}@x.org", country="x")
        for each in range(20)
    ]
    moment = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    Book.objects.bulk_create(
        Book(
            title=f"Title {each}", subtitle=None, author=authors[each % 20],
            price="9.50", published=moment.date(), rating=each % 5, pages=each,
            created=moment + datetime.timedelta(hours=each), shelf=each % 7,
            data={"city": "Rome", "tags": ["a", "b"]},
        )
        for each in range(ROWS)
    )  # fmt: skip


def ours():
    from benchmarks.shop.models import Author, Book
    from nonrel_backend.rest import fields
    from nonrel_backend.rest.api import Api
    from nonrel_backend.rest.authorization import Authorization
    from nonrel_backend.rest.resources import ModelResource

    return library_of_resources(Author, Book, fields, Api, Authorization, ModelResource)


def tastypie():
    from tastypie import fields
    from tastypie.api import Api
    from tastypie.authorization import Authorization
    from tastypie.resources import ModelResource

    from benchmarks.shop.models import Author, Book

    return library_of_resources(Author, Book, fields, Api, Authorization, ModelResource)


def library_of_resources(author, book, fields, Api, Authorization, ModelResource):
    """The same lines for both: only their imports differ."""

    class AuthorResource(ModelResource):
        class Meta:
            queryset = author.objects.all()
            resource_name = "author"

    class BookResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = book.objects.order_by("id")
            resource_name = "book"
            authorization = Authorization()
            always_return_data = True

    api = Api(api_name="v1")
    api.register(AuthorResource())
    api.register(BookResource())
    return api.urls


def drf():
    from rest_framework import pagination, routers, serializers, viewsets

    from benchmarks.shop.models import Book

    class BookSerializer(serializers.ModelSerializer):
        class Meta:
            model = Book
            fields = [*COLUMNS, "author"]

    class Pages(pagination.LimitOffsetPagination):
        default_limit = 20

    class BookViewSet(viewsets.ModelViewSet):
        queryset = Book.objects.order_by("id")
        serializer_class = BookSerializer
        pagination_class = Pages
        authentication_classes = ()
        permission_classes = ()

    router = routers.SimpleRouter()
    router.register("v1/book", BookViewSet)
    return router.urls


def ninja():
    import datetime
    from decimal import Decimal
    from typing import Any

    from django.shortcuts import get_object_or_404
    from django.urls import path
    from ninja import NinjaAPI, PatchDict, Schema
    from ninja.pagination import LimitOffsetPagination, paginate

    from benchmarks.shop.models import Book

    class BookIn(Schema):
        title: str
        subtitle: str | None = None
        author_id: int
        price: Decimal
        published: datetime.date
        created: datetime.datetime
        rating: int
        pages: int
        shelf: int
        stock: int = 0
        data: Any

    class BookOut(BookIn):
        id: int

    api = NinjaAPI(urls_namespace="bench", docs_url=None)

    @api.get("/book/", response=list[BookOut])
    @paginate(LimitOffsetPagination)
    def list_books(request):
        return Book.objects.order_by("id")

    @api.get("/book/{key}/", response=BookOut)
    def get_book(request, key: int):
        return get_object_or_404(Book, pk=key)

    @api.post("/book/", response={201: BookOut})
    def create_book(request, data: BookIn):
        return 201, Book.objects.create(**data.dict())

    @api.patch("/book/{key}/", response=BookOut)
    def patch_book(request, key: int, data: PatchDict[BookIn]):
        book = get_object_or_404(Book, pk=key)
        for name, value in data.items():
            setattr(book, name, value)
        book.save(update_fields=list(data))
        return book

    return [path("v1/", api.urls)]


urlpatterns: list = []


def requests_of(name: str, client, key: int, author: int) -> dict[str, Callable]:
    """What each operation sends; the answer's status is checked."""
    book = {
        "title": "New", "subtitle": None, "price": "9.50", "published": "2020-01-01",
        "created": "2020-01-01T00:00:00Z", "rating": 3, "pages": 5, "shelf": 1,
        "stock": 0, "data": {"city": "Rome"},
    }  # fmt: skip
    base = f"/{name}/v1/book/"
    relation = {
        "ninja": {"author_id": author},
        "drf": {"author": author},
    }.get(name, {"author": f"/{name}/v1/author/{author}/"})
    json_body = {"content_type": "application/json"}
    limit = {"limit": 20}
    return {
        "list": lambda: (client.get(base, limit), 200),
        "detail": lambda: (client.get(f"{base}{key}/"), 200),
        "create": lambda: (
            client.post(base, json.dumps(book | relation), **json_body),
            201,
        ),
        "patch": lambda: (
            client.patch(f"{base}{key}/", json.dumps({"pages": 7}), **json_body),
            202 if name in ("ours", "tastypie") else 200,
        ),
    }


def measure(rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """CPU seconds of one request, by operation and name: the median of all rounds."""
    from django.test import Client

    from benchmarks.shop.models import Author, Book

    key, author = Book.objects.order_by("id")[5].pk, Author.objects.first().pk
    sent = {name: requests_of(name, Client(), key, author) for name in NAMES}
    times: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for operation in OPERATIONS:
            for name in NAMES:
                spent = one(sent[name][operation], seconds)
                times.setdefault(operation, {}).setdefault(name, []).append(spent)
    return {
        operation: {name: statistics.median(each) for name, each in found.items()}
        for operation, found in times.items()
    }


def one(send: Callable, seconds: float) -> float:
    response, wanted = send()
    assert response.status_code == wanted, (response.status_code, response.content)
    count, start, end = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        send()
        count += 1
    return (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="sqlite")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    configure(options.backend)
    fill()
    from django.urls import include, path

    libraries = {"ours": ours, "tastypie": tastypie, "drf": drf, "ninja": ninja}
    urlpatterns[:] = [path(f"{name}/", include(libraries[name]())) for name in NAMES]
    found = measure(options.rounds, options.seconds)
    print(f"CPU of one request in ms on {options.backend}, and requests per second")
    print("| operation |" + "".join(f" {name} |" for name in NAMES))
    print("|---|" + "---|" * len(NAMES))
    for operation, times in found.items():
        cells = (f" {1000 * each:.2f} ({1 / each:.0f}) |" for each in times.values())
        print(f"| {operation} |{''.join(cells)}")


if __name__ == "__main__":
    # The URLs are this module's, by its own name.
    from benchmarks import rest

    rest.main()
