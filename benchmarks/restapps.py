"""Serve the same books with each REST library: ours, tastypie, DRF and ninja.

Each follows its own documentation, and validates the same: lengths, digits, and that
the author exists.
"""

from typing import Any

COLUMNS = [
    "id", "title", "subtitle", "price", "published", "created", "rating", "pages",
    "shelf", "stock", "data",
]  # fmt: skip
PAGE = 20


def ours() -> list:
    from nonrel_backend.rest import fields
    from nonrel_backend.rest.api import Api
    from nonrel_backend.rest.authorization import Authorization
    from nonrel_backend.rest.resources import ModelResource

    return resources(fields, Api, Authorization, ModelResource)


def tastypie() -> list:
    from tastypie import fields
    from tastypie.api import Api
    from tastypie.authorization import Authorization
    from tastypie.resources import ModelResource

    return resources(fields, Api, Authorization, ModelResource)


def resources(fields: Any, Api: Any, Authorization: Any, ModelResource: Any) -> list:
    """Return the URL patterns of both: only the imports differ."""
    from benchmarks.shop.models import Author, Book

    class AuthorResource(ModelResource):
        class Meta:
            queryset = Author.objects.all()
            resource_name = "author"

    class BookResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = Book.objects.order_by("id")
            resource_name = "book"
            authorization = Authorization()
            always_return_data = True

    api = Api(api_name="v1")
    api.register(AuthorResource())
    api.register(BookResource())
    return api.urls


def readings() -> list:
    """Return our URL patterns for a long list."""
    from benchmarks.shop.models import Reading
    from nonrel_backend.rest.api import Api
    from nonrel_backend.rest.resources import ModelResource

    class ReadingResource(ModelResource):
        class Meta:
            queryset = Reading.objects.order_by("id")
            resource_name = "reading"
            total_count = "off"
            export = True

    api = Api(api_name="v1")
    api.register(ReadingResource())
    return api.urls


def drf() -> list:
    from rest_framework import pagination, routers, serializers, viewsets

    from benchmarks.shop.models import Author, Book

    class BookSerializer(serializers.ModelSerializer):
        class Meta:
            model = Book
            fields = [*COLUMNS, "author"]

    class WithTextKeys(BookSerializer):
        id = serializers.CharField(read_only=True)
        author = serializers.PrimaryKeyRelatedField(
            queryset=Author.objects.all(), pk_field=serializers.CharField()
        )

    class Pages(pagination.LimitOffsetPagination):
        default_limit = PAGE

    class BookViewSet(viewsets.ModelViewSet):
        queryset = Book.objects.order_by("id")
        serializer_class = BookSerializer if has_numbers() else WithTextKeys
        pagination_class = Pages
        authentication_classes = ()
        permission_classes = ()

    router = routers.SimpleRouter()
    router.register("v1/book", BookViewSet)
    return router.urls


def ninja() -> list:
    import datetime
    from decimal import Decimal
    from typing import Annotated

    from django.shortcuts import get_object_or_404
    from django.urls import path
    from ninja import NinjaAPI, PatchDict, Schema
    from ninja.errors import HttpError
    from ninja.pagination import LimitOffsetPagination, paginate
    from pydantic import BeforeValidator, Field

    from benchmarks.shop.models import Author, Book

    Key: Any = int if has_numbers() else Annotated[str, BeforeValidator(str)]

    class BookIn(Schema):
        title: Annotated[str, Field(max_length=100)]
        subtitle: Annotated[str, Field(max_length=100)] | None = None
        author_id: Key
        price: Annotated[Decimal, Field(max_digits=8, decimal_places=2)]
        published: datetime.date
        created: datetime.datetime
        rating: int
        pages: int
        shelf: int
        stock: int = 0
        data: Any

    class BookOut(BookIn):
        id: Key

    api = NinjaAPI(urls_namespace="bench", docs_url=None)

    def check_author(values: dict[str, Any]) -> None:
        """Raise HttpError for an unknown author, which is 500 or stored otherwise."""
        key = values.get("author_id")
        if key is not None and not Author.objects.filter(pk=key).exists():
            raise HttpError(400, "There is no such author.")

    @api.get("/book/", response=list[BookOut])
    @paginate(LimitOffsetPagination)
    def list_books(request: Any) -> Any:
        return Book.objects.order_by("id")

    @api.get("/book/{key}/", response=BookOut)
    def get_book(request: Any, key: Key) -> Any:
        return get_object_or_404(Book, pk=key)

    @api.post("/book/", response={201: BookOut})
    def create_book(request: Any, data: BookIn) -> Any:
        values = data.dict()
        check_author(values)
        return 201, Book.objects.create(**values)

    @api.patch("/book/{key}/", response=BookOut)
    def patch_book(request: Any, key: Key, data: PatchDict[BookIn]) -> Any:
        check_author(data)
        book = get_object_or_404(Book, pk=key)
        for name, value in data.items():
            setattr(book, name, value)
        book.save(update_fields=list(data))
        return book

    return [path("v1/", api.urls)]


def has_numbers() -> bool:
    """Return whether keys are numbers. An ObjectId is a string in JSON."""
    from django.db import models

    from benchmarks.shop.models import Book

    return isinstance(Book._meta.pk, models.BigAutoField)


LIBRARIES = {
    "ours": ours,
    "tastypie": tastypie,
    "drf": drf,
    "ninja": ninja,
    "readings": readings,
}
# Where each has the objects of a page.
OBJECTS = {"ours": "objects", "tastypie": "objects", "drf": "results", "ninja": "items"}
