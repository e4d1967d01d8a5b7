"""Django REST framework and django-ninja on the backend."""

import json
from importlib.util import find_spec

import pytest

# Importing them needs Django's settings.
pytestmark = pytest.mark.skipif(
    not (find_spec("rest_framework") and find_spec("ninja")),
    reason="djangorestframework and django-ninja are not installed",
)


@pytest.fixture
def notes(models):
    author = models.Author.objects.create(name="Ann")
    for number in range(5):
        models.Note.objects.create(
            slug=f"n{number}", title="T", author=author, price="1.50",
            extra={"city": ["Rome", number]},
        )  # fmt: skip
    models.author = author
    return models


@pytest.fixture
def drf(notes, serve):
    from rest_framework import pagination, routers, viewsets

    from nonrel_backend.rest.drf import NonrelModelSerializer

    class NoteSerializer(NonrelModelSerializer):
        class Meta:
            model = notes.Note
            fields = "__all__"

    class Pages(pagination.CursorPagination):
        page_size, ordering = 2, "slug"

    class NoteViewSet(viewsets.ModelViewSet):
        queryset = notes.Note.objects.all()
        serializer_class = NoteSerializer
        pagination_class = Pages
        authentication_classes = ()
        permission_classes = ()

    router = routers.SimpleRouter()
    router.register("notes", NoteViewSet)
    serve.patterns(router.urls)


def test_a_viewset(drf, notes, http):
    data = {
        "slug": "new", "title": "T", "author": notes.author.pk, "price": "2.25",
        "extra": {"a": [1, {"b": None}]}, "genres": [],
    }  # fmt: skip
    created = http.post("/notes/", data)
    assert created.status_code == 201, created.content
    uri = f"/notes/{created.json()['id']}/"
    found = http.get(uri).json()
    assert (found["price"], found["extra"]) == ("2.25", data["extra"])
    assert http.patch(uri, {"price": "3.00"}).json()["price"] == "3.00"
    assert http.post("/notes/", data).status_code == 400  # a duplicate
    assert (
        http.post("/notes/", {**data, "slug": "x", "author": "no"}).status_code == 400
    )
    assert http.get("/notes/nonsense/").status_code == 404
    assert http.delete(uri).status_code == 204


def test_cursors_of_a_viewset(drf, http):
    slugs, uri = [], "/notes/"
    while uri:
        page = http.get(uri).json()
        slugs += [each["slug"] for each in page["results"]]
        uri = page["next"]
    assert slugs == [f"n{number}" for number in range(5)]


CITY = {
    "name": "Oslo",
    "tags": ["a", "b"],
    "kinds": ["x"],
    "sizes": {"height": 5},
    "attributes": {"a": [1, {"b": None}]},
    "address": {
        "street": "", "city": "Oslo", "zip": 5, "since": "2020-01-02", "country": None,
        "place": {"lat": 59.5, "lng": None}, "phones": ["1"],
    },
    "comments": [
        {
            "author": "ann", "stars": 3, "at": "2020-01-02T03:04:05Z", "labels": ["l"],
            "replies": [],
        }
    ],
    "shape": {"_model": "documents.Square", "name": "s", "side": 1.5},
    "raw": {"any": [1, None]},
}  # fmt: skip


@pytest.fixture
def cities(documents, serve):
    from rest_framework import routers, viewsets

    from nonrel_backend.rest.drf import NonrelModelSerializer

    class CitySerializer(NonrelModelSerializer):
        class Meta:
            model = documents.City
            fields = ["id", *CITY]

    class CityViewSet(viewsets.ModelViewSet):
        queryset = documents.City.objects.order_by("pk")
        serializer_class = CitySerializer
        authentication_classes = ()
        permission_classes = ()

    router = routers.SimpleRouter()
    router.register("cities", CityViewSet)
    serve.patterns(router.urls)


def test_documents_in_a_viewset(cities, http):
    created = http.post("/cities/", CITY)
    assert created.status_code == 201, created.content
    uri = f"/cities/{created.json()['id']}/"
    found = http.get(uri).json()
    assert found == {"id": found["id"], **CITY}
    assert http.put(uri, found).json() == found
    changed = http.patch(uri, {"address": {**CITY["address"], "city": "Bergen"}})
    assert changed.json()["address"]["city"] == "Bergen"
    for wrong in (
        {"tags": "a"},
        {"tags": ["x" * 21]},
        {"sizes": {"height": "tall"}},
        {"address": {"town": "Oslo"}},
        {"address": {"zip": "many"}},
        {"comments": [{"stars": 1}]},
        {"shape": {"_model": "documents.Circle", "side": 1}},
    ):
        assert http.patch(uri, wrong).status_code == 400, wrong
    assert http.get(uri).json()["tags"] == ["a", "b"]


def test_objectids_in_serializers(databases):
    if databases["default"].vendor != "mongodb":
        pytest.skip("ObjectIds are MongoDB's")
    from nonrel_backend.rest.drf import NonrelModelSerializer
    from tests.objectids.models import Item, Label, Shelf

    class ItemSerializer(NonrelModelSerializer):
        class Meta:
            model = Item
            fields = "__all__"

    shelf = Shelf.objects.create(name="s")
    key, label = str(shelf.pk), str(Label.objects.create(name="l").pk)
    data = {"name": "i", "shelf": key, "labels": [label], "seen_in": key}
    serializer = ItemSerializer(data=data)
    assert serializer.is_valid(), serializer.errors
    item = serializer.save()
    shown = json.loads(json.dumps(ItemSerializer(item).data))
    assert shown == {**data, "id": str(item.pk)}
    for wrong in ({"shelf": "nonsense"}, {"seen_in": "nonsense"}):
        assert not ItemSerializer(data={**data, **wrong}).is_valid()


def test_malformed_objectids_are_not_found(databases, serve, http):
    if databases["default"].vendor != "mongodb":
        pytest.skip("ObjectIds are MongoDB's")
    from nonrel_backend.rest.authorization import Authorization
    from nonrel_backend.rest.resources import ModelResource
    from tests.objectids.models import Shelf

    class ShelfResource(ModelResource):
        class Meta:
            queryset = Shelf.objects.all()
            authorization = Authorization()

    serve(ShelfResource)
    uri = http.post("/api/v1/shelf/", {"name": "s"})["Location"]
    assert http.get(uri).json()["resource_uri"] == uri
    key = uri.split("/")[-2]
    for wrong in ("nonsense", "5", key[:-1], f"{key}0", "z" * 24, '{"$ne":1}'):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            data = {"name": "x"} if method in ("PUT", "PATCH") else None
            response = http.send(method, f"/api/v1/shelf/{wrong}/", data)
            assert response.status_code == 404, (method, wrong)
        found = http.get(f"/api/v1/shelf/set/{wrong};{key}/").json()
        assert found["not_found"] == [wrong] and len(found["objects"]) == 1
    new = "5f43a1f1c3a1f1c3a1f1c3a1"
    assert http.put(f"/api/v1/shelf/{new}/", {"name": "n"}).status_code == 201
    assert http.delete(f"/api/v1/shelf/{new}/").status_code == 204
    assert http.delete(uri).status_code == 204


def test_a_ninja_api(notes, serve, http):
    from decimal import Decimal

    from django.shortcuts import get_object_or_404
    from django.urls import path
    from ninja import NinjaAPI, Schema
    from ninja.pagination import CursorPagination, LimitOffsetPagination, paginate

    class Author(Schema):
        name: str

    class NoteIn(Schema):
        slug: str
        title: str
        author_id: int
        price: Decimal | None = None
        extra: dict = {}

    class NoteOut(NoteIn):
        id: int
        author: Author

    api = NinjaAPI(urls_namespace="others")

    @api.get("/notes", response=list[NoteOut])
    @paginate(LimitOffsetPagination)
    def list_notes(request):
        return notes.Note.objects.order_by("slug")

    @api.get("/pages", response=list[NoteOut])
    @paginate(CursorPagination, ordering=("slug", "pk"), page_size=2)
    def pages_of_notes(request):
        return notes.Note.objects.select_related("author")

    @api.get("/notes/{key}", response=NoteOut)
    def get_note(request, key: int):
        return get_object_or_404(notes.Note, pk=key)

    @api.post("/notes", response=NoteOut)
    def create_note(request, data: NoteIn):
        return notes.Note.objects.create(**data.dict())

    serve.patterns([path("ninja/", api.urls)])
    data = {
        "slug": "new", "title": "T", "author_id": notes.author.pk, "price": "2.25",
        "extra": {"a": [1]},
    }  # fmt: skip
    created = http.post("/ninja/notes", data).json()
    assert created["extra"] == {"a": [1]} and created["author"] == {"name": "Ann"}
    assert Decimal(created["price"]) == Decimal("2.25")
    found = http.get(f"/ninja/notes/{created['id']}").json()
    assert found == created
    page = http.get("/ninja/notes?limit=2&offset=1").json()
    assert [each["slug"] for each in page["items"]] == ["n1", "n2"]
    assert page["count"] == 6
    slugs, uri = [], "/ninja/pages"
    while uri:
        page = http.get(uri).json()
        slugs += [each["slug"] for each in page["results"]]
        uri = page["next"]
    assert slugs == ["n0", "n1", "n2", "n3", "n4", "new"]
    assert http.get("/ninja/notes/nonsense").status_code == 422
    assert http.get("/ninja/notes/999999").status_code == 404
