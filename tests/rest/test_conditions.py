"""Exclusions, alternatives, the search, and unknown parameters of lists."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL, ALL_WITH_RELATIONS
from nonrel_backend.rest.resources import DocumentResource, ModelResource
from tests.rest.test_documents import store  # noqa: F401  (a fixture)

URI = "/api/v1/note/"


@pytest.fixture
def notes(models):
    ann, bob = (models.Author.objects.create(name=name) for name in ("Ann", "Bob"))
    war, fun = (models.Genre.objects.create(name=name) for name in ("war", "fun"))
    for slug, title, author, pages, rating, genres in (
        ("a", "Long war", ann, 5, 1.5, [war]),
        ("b", "Short war", bob, 10, None, [war, fun]),
        ("c", "Peace, a|b", ann, 20, 2.5, [fun]),
        ("d", "Nothing", bob, 0, 3.5, []),
    ):
        note = models.Note.objects.create(
            slug=slug, title=title, author=author, pages=pages, rating=rating
        )
        note.genres.set(genres)
    return models


def resources(models, **options):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            filtering = {"name": ALL}

    class GenreResource(AuthorResource):
        class Meta:
            queryset = models.Genre.objects.all()
            filtering = {"name": ALL}

    meta = {
        "queryset": models.Note.objects.all(),
        "authorization": Authorization(),
        "ordering": ["slug"],
        "filtering": {
            "slug": ALL,
            "title": ALL,
            "pages": ALL,
            "rating": ALL,
            "author": ALL_WITH_RELATIONS,
            "genres": ALL_WITH_RELATIONS,
        },
        **options,
    }

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")
        genres = fields.ManyToManyField(GenreResource, "genres")

        Meta = type("Meta", (), meta)

    return AuthorResource, GenreResource, NoteResource


def slugs(http, query):
    response = http.get(f"{URI}?order_by=slug&{query}")
    assert response.status_code == 200, response.content
    assert response.json()["meta"]["total_count"] == len(response.json()["objects"])
    return "".join(each["slug"] for each in response.json()["objects"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("slug!=a", "bcd"),
        ("slug!=a&slug!=b", "cd"),
        ("slug__in!=a,b", "cd"),
        ("pages__gt!=5", "ad"),
        ("pages__range!=1,10", "cd"),
        ("rating!=1.5", "bcd"),
        ("rating__isnull!=true", "acd"),
        ("author__name!=Ann", "bd"),
        ("genres__name!=war", "cd"),
        ("genres__name=fun&slug!=c", "b"),
        ("or=slug=a|pages__gte=20", "ac"),
        ("or=slug=a%26pages=6|slug=d", "d"),
        ("or=slug!=a%26pages__lt=10|rating=2.5", "cd"),
        ("or=title__contains=a%257Cb|slug=d", "cd"),
        ("or=genres__name=war|genres__name=fun", "abc"),
        ("or=author__name=Ann|genres__name=fun", "abc"),
        ("or=slug=a|slug=b&or=pages=10|pages=20", "b"),
        ("or=rating=None|slug=a", "ab"),
    ],
)
def test_exclusions_and_alternatives(notes, serve, http, query, found):
    serve(*resources(notes))
    assert slugs(http, query) == found


@pytest.mark.parametrize(
    "query",
    [
        "content!=a", "slug__nothing!=a", "pages!=x", "nothing!=5", "or=", "or=slug=a|",
        "or=nothing=5|slug=a", "or=content=x|slug=a", "or=limit=5", "or=or=slug=a",
        "or=" + "|".join(["slug=a"] * 21), "or=" + "%26".join(["slug!=a"] * 11),
        "or=pages=x|slug=a", "&".join(["genres__name!=x"] * 51),
        "&".join(["or=" + "|".join(["slug=a"] * 20)] * 3),
    ],
)  # fmt: skip
def test_conditions_that_are_not_allowed_are_400(notes, serve, http, query):
    serve(*resources(notes))
    assert http.get(f"{URI}?{query}").status_code == 400
    assert http.delete(f"{URI}?{query}").status_code == 400
    assert notes.Note.objects.count() == 4


def test_deletes_use_exclusions_and_alternatives(notes, serve, http):
    serve(*resources(notes, search=["title"]))
    assert http.delete(f"{URI}?slug!=a&pages__lt=20").status_code == 204
    assert slugs(http, "") == "ac"
    assert http.delete(f"{URI}?or=slug=x|slug=a").status_code == 204
    assert slugs(http, "") == "c"
    assert http.delete(f"{URI}?search=nowhere").status_code == 204
    assert slugs(http, "") == "c"


def test_a_project_that_filters_by_itself_is_told(notes, serve, http):
    _, _, base = resources(notes)

    class Own(base):
        class Meta(base.Meta):
            resource_name = "note"

        def apply_filters(self, request, applicable_filters):
            return self.get_object_list(request).filter(**applicable_filters)

    serve(*resources(notes)[:2], Own)
    assert http.get(f"{URI}?slug=a").json()["meta"]["total_count"] == 1
    assert http.get(f"{URI}?slug!=a").status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=war", "ab"),
        ("search=WAR+long", "a"),
        ("search=ann", "ac"),
        ("search=bob+war", "b"),
        ("search=%22short+war%22", "b"),
        ("search=%22war+short%22", ""),
        ("search=fun", "bc"),
        ("search=", "abcd"),
        ("search=war&slug!=a", "b"),
        ("search=%", ""),
        ("search=%27", ""),
    ],
)
def test_search(notes, serve, http, query, found):
    names = ["title", "author__name__istartswith", "genres__name"]
    serve(*resources(notes, search=names))
    assert slugs(http, query) == found


def test_a_search_is_bounded_and_needs_meta(notes, serve, http):
    serve(*resources(notes))
    assert http.get(f"{URI}?search=a").status_code == 400
    _, _, searched = resources(notes, search=["title"])
    serve(*resources(notes)[:2], searched)
    assert http.get(f"{URI}?search={'a+' * 11}").status_code == 400
    _, _, wrong = resources(notes, search=["nothing"])
    with pytest.raises(ImproperlyConfigured, match="Meta.search has 'nothing'"):
        wrong().build_filters({"search": "x"})


def test_unknown_parameters_are_400_if_the_resource_is_strict(
    notes, serve, http, settings_of
):
    serve(*resources(notes))
    assert http.get(f"{URI}?slgu=a").status_code == 400
    assert slugs(http, "_=1700000000") == "abcd"
    for name in ("REST_STRICT", "TASTYPIE_STRICT"):
        with settings_of(**{name: False}):
            assert slugs(http, "slgu=a&slgu!=a") == "abcd"
    serve(*resources(notes, strict=False))
    assert slugs(http, "slgu=a") == "abcd"
    assert http.delete(f"{URI}?slgu=a").status_code == 400
    serve(*resources(notes, parameters=["language"]))
    assert slugs(http, "language=it") == "abcd"
    with settings_of(REST_STRICT=False):
        serve(*resources(notes, strict=True))
        assert http.get(f"{URI}?slgu=a").status_code == 400


def test_the_openapi_document_names_the_search(notes, serve, http):
    serve(*resources(notes, search=["title"]))
    found = http.get("/api/v1/openapi.json").json()["paths"]
    for method in ("get", "delete"):
        names = [each["name"] for each in found[URI][method]["parameters"]]
        assert "search" in names and "`or=" in found[URI][method]["description"]
    names = [each["name"] for each in found["/api/v1/author/"]["get"]["parameters"]]
    assert "search" not in names


# --- documents ---


def test_conditions_of_documents(databases, serve, http, store):  # noqa: F811
    documents = store

    class NoteResource(DocumentResource):
        slug = fields.CharField("slug")
        title = fields.CharField("title", null=True)
        price = fields.DecimalField("price", null=True)
        tags = fields.ListField("tags", of=fields.CharField(), null=True)

        class Meta:
            resource_name = "note"
            store = documents
            authorization = Authorization()
            filtering = {"slug": ALL, "title": ALL, "price": ALL, "tags": ALL}
            ordering = ["slug"]
            search = ["title", "slug__exact"]

    serve(NoteResource)
    for slug, title, price, tags in (
        ("a", "Long war", "9.50", ["x"]),
        ("b", "Short war", "10.50", ["x", "y"]),
        ("c", "Peace", "100", None),
        ("d", None, None, []),
    ):
        data = {"slug": slug, "title": title, "price": price, "tags": tags}
        assert http.put(f"{URI}{slug}/", data).status_code == 201
    for query, found in (
        ("slug!=a", "bcd"),
        ("slug!=a&slug!=b", "cd"),
        ("slug__in!=a,b", "cd"),
        ("price__gt!=10", "ad"),
        ("price__isnull!=true", "abc"),
        ("tags__contains!=y", "acd"),
        ("or=price__lt=10|price__gt=99", "ac"),
        ("or=slug=a%26title__icontains=WAR|slug!=a%26price__isnull=true", "ad"),
        ("or=slug=a|slug=b&price__gt=10", "b"),
        ("search=WAR", "ab"),
        ("search=war+short", "b"),
        ("search=d", "d"),
        ("title__icontains=peace", "c"),
    ):
        assert slugs(http, query) == found, query
    for wrong in ("or=nothing=1|slug=a", "nothing=1", "price!=x", "tags__regex!=x"):
        assert http.get(f"{URI}?{wrong}").status_code == 400, wrong
    assert http.delete(f"{URI}?slug!=a&or=slug=b|price__gt=99").status_code == 204
    assert slugs(http, "") == "ad"
