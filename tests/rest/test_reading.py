"""GET: lists, details, sets, schemas, relations, filters, orderings, pages."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL, ALL_WITH_RELATIONS
from nonrel_backend.rest.formats import export
from nonrel_backend.rest.resources import ModelResource


@pytest.fixture
def rows(models):
    """Create two authors, one the mentor of the other, and three notes."""
    ann = models.Author.objects.create(name="Ann", born=date(1960, 1, 2))
    bob = models.Author.objects.create(name="Bob", mentor=ann)
    fun, war = (models.Genre.objects.create(name=name) for name in ("fun", "war"))
    for number, author in enumerate((ann, bob, ann), 1):
        note = models.Note.objects.create(
            slug=f"n{number}",
            title=f"Note {number}",
            author=author,
            pages=number * 10,
            rating=None if number == 2 else number / 2,
            price=Decimal("9.50"),
            created=datetime(2020, number, 2, tzinfo=UTC),
            extra={"city": "Rome" if number == 1 else "Oslo", "tags": ["a", number]},
        )
        note.genres.set([fun, war] if number == 1 else [fun])
    models.rows = {note.slug: note for note in models.Note.objects.all()}
    models.ann, models.bob = ann, bob
    return models


def resources(models, **options):
    """Return resources of authors, genres and notes. `options` are Meta of notes."""

    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            resource_name = "author"
            authorization = Authorization()
            filtering = {"name": ALL}
            ordering = ["name"]

    class GenreResource(ModelResource):
        class Meta:
            queryset = models.Genre.objects.all()
            resource_name = "genre"
            authorization = Authorization()
            filtering = {"name": ALL}

    full = options.pop("full", False)

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author", full=full)
        genres = fields.ManyToManyField(GenreResource, "genres", full=full, blank=True)
        Meta = type(
            "Meta",
            (),
            {
                "queryset": models.Note.objects.all(),
                "resource_name": "note",
                "authorization": Authorization(),
                **options,
            },
        )

    return AuthorResource, GenreResource, NoteResource


def slugs(response):
    assert response.status_code == 200, response.content
    return [each["slug"] for each in response.json()["objects"]]


def test_list_and_detail(rows, serve, http):
    serve(*resources(rows))
    found = http.get("/api/v1/note/").json()
    assert found["meta"] == {
        "limit": 20,
        "next": None,
        "offset": 0,
        "previous": None,
        "total_count": 3,
    }
    note = rows.rows["n1"]
    first = next(each for each in found["objects"] if each["slug"] == "n1")
    assert first["resource_uri"] == f"/api/v1/note/{note.pk}/"
    assert first["author"] == f"/api/v1/author/{rows.ann.pk}/"
    assert len(first["genres"]) == 2 and first["genres"][0].startswith("/api/v1/genre/")
    assert first["price"] == "9.50" and first["rating"] == 0.5
    assert first["created"] == "2020-01-02T00:00:00Z"
    assert first["extra"] == {"city": "Rome", "tags": ["a", 1]}
    assert http.get(first["resource_uri"]).json() == first


def test_the_top_lists_the_resources(rows, serve, http):
    serve(*resources(rows))
    assert http.get("/api/v1/").json()["note"] == {
        "list_endpoint": "/api/v1/note/",
        "schema": "/api/v1/note/schema/",
    }


def test_a_set_of_keys_is_one_query(rows, serve, http, queries):
    serve(*resources(rows))
    keys = [rows.rows[slug].pk for slug in ("n3", "n1")]
    with queries() as found:
        answer = http.get(f"/api/v1/note/set/{keys[0]};zzz!;999999;{keys[1]}/").json()
    assert [each["slug"] for each in answer["objects"]] == ["n3", "n1"]
    assert answer["not_found"] == ["zzz!", "999999"]
    assert len(found) == 2  # the notes, and their genres
    assert http.post("/api/v1/note/set/1;2/", {}).status_code == 405


def test_schema(rows, serve, http):
    serve(*resources(rows, filtering={"slug": ALL}, ordering=["slug"]))
    schema = http.get("/api/v1/note/schema/").json()
    pages = schema["fields"]["pages"]
    assert pages["type"] == "integer" and pages["default"] == 0
    assert pages["help_text"] == "How many there are."
    assert schema["fields"]["slug"]["unique"] and not schema["fields"]["slug"]["blank"]
    assert schema["fields"]["updated"]["readonly"]
    assert schema["fields"]["author"]["related_type"] == "to_one"
    assert schema["fields"]["author"]["related_schema"] == "/api/v1/author/schema/"
    assert schema["allowed_list_http_methods"] == [
        "get", "post", "put", "delete", "patch",
    ]  # fmt: skip
    assert schema["filtering"] == {"slug": 1} and schema["ordering"] == ["slug"]
    assert schema["default_limit"] == 20
    assert http.post("/api/v1/note/schema/", {}).status_code == 405


@pytest.mark.parametrize(
    "key", ["abc", "1_0", "12345678901234567890123", "1.5", "x/y", "{}", "a%00b"]
)
def test_a_malformed_key_is_not_found(rows, serve, http, key):
    serve(*resources(rows))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        data = {} if method in ("PUT", "PATCH") else None
        response = http.send(method, f"/api/v1/note/{key}/", data)
        assert response.status_code == 404, (method, response.content)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("slug=n2", ["n2"]),
        ("slug__in=n1,n3", ["n1", "n3"]),
        ("slug__in=n1&slug__in=n3", ["n1", "n3"]),
        ("title__endswith=3", ["n3"]),
        ("pages__gt=10", ["n2", "n3"]),
        ("pages__range=10,20", ["n1", "n2"]),
        ("rating__isnull=true", ["n2"]),
        ("rating=null", ["n2"]),
        ("is_active=true", ["n1", "n2", "n3"]),
        ("is_active=0", []),
        ("created__year=2020", ["n1", "n2", "n3"]),
        ("created__gte=2020-02-01T00:00:00Z", ["n2", "n3"]),
        ("author__name=Bob", ["n2"]),
        ("genres__name__in=fun,war", ["n1", "n2", "n3"]),
        ("extra__city=Rome", ["n1"]),
        ("extra.city=Rome", ["n1"]),
    ],
)
def test_filters(rows, serve, http, query, found):
    options = dict.fromkeys(
        ("slug", "title", "pages", "rating", "is_active", "created", "extra"), ALL
    )
    options |= {"author": ALL_WITH_RELATIONS, "genres": ALL_WITH_RELATIONS}
    serve(*resources(rows, filtering=options, ordering=["slug"]))
    assert slugs(http.get(f"/api/v1/note/?{query}&order_by=slug")) == found


def test_a_relation_is_filtered_by_key_and_uri(rows, serve, http):
    serve(*resources(rows, filtering={"author": ALL}, ordering=["slug"]))
    for value in (rows.bob.pk, f"/api/v1/author/{rows.bob.pk}/"):
        assert slugs(http.get("/api/v1/note/", {"author": value})) == ["n2"]


@pytest.mark.parametrize(
    "query",
    [
        "title=x",
        "slug__regex=.*",
        "slug__contains=x",
        "author__born=2000-01-01",
        "author__mentor__name=x",
        "pages=many",
        "pages__gt=[]",
        "pages__in=1,x",
        "created=yesterday",
        "is_active=perhaps",
        "rating__isnull=maybe",
        "pages__range=1",
        "genres__name=x",
        "author__pk__gt=1",
        "pages__nonsense=1",
    ],
)
def test_filters_that_are_invalid_or_not_listed_are_400(rows, serve, http, query):
    options = dict.fromkeys(("pages", "created", "is_active", "rating"), ALL)
    options |= {"slug": ["exact"], "author": ALL_WITH_RELATIONS, "genres": ALL}
    serve(*resources(rows, filtering=options))
    response = http.get(f"/api/v1/note/?{query}")
    assert response.status_code == 400 and response.json()["error"], response.content


HUGE = "1" * 40


@pytest.mark.parametrize(
    "query",
    [
        f"pages__in={HUGE}",
        f"author={HUGE}",
        f"price={HUGE}",
        "price__gt=1e400",
        "created=9999-12-31T23:59:59-23:59",
        "created__year=-1",
        f"created__year={HUGE}",
        "extra__year__gt=[]",
        f"extra__has_keys={'x,' * 200}",
    ],
)
def test_values_that_only_the_store_rejects_are_400(rows, serve, http, query):
    options = dict.fromkeys(("pages", "created", "price", "extra", "author"), ALL)
    serve(*resources(rows, filtering=options, total_count="off", export=True))
    for more in ("", "&cursor="):
        response = http.get(f"/api/v1/note/?{query}{more}")
        assert response.status_code == 400 or slugs(response) == []
    response = http.get(f"/api/v1/note/?{query}&format=jsonl")
    assert response.status_code == 400 or list(response.streaming_content) == []
    assert http.delete(f"/api/v1/note/?{query}").status_code in (400, 204)
    assert rows.Note.objects.count() == 3


@pytest.mark.parametrize(
    "query",
    [
        "extra." + ".".join("a" * 3000),
        "extra__" + "__".join("0" * 300),
        "author__" * 50 + "name",
        "&".join(f"a{number}=1" for number in range(1500)),
    ],
)
def test_names_are_bounded(rows, serve, http, query):
    options = {"extra": ALL, "author": ALL_WITH_RELATIONS}
    serve(*resources(rows, filtering=options, ordering=["author"]))
    asked = [f"?{query}=1"] + [f"?order_by={query}"] * ("&" not in query)
    for each in asked:
        response = http.get(f"/api/v1/note/{each}")
        assert response.status_code == 400 and response.json()["error"], each[:40]


@pytest.mark.parametrize("value", ["1e400", "-1e400", "[1e400]"])
def test_nan_and_infinity_in_filters_are_strings(rows, serve, http, value):
    serve(*resources(rows, filtering={"extra": ALL}))
    assert slugs(http.get(f"/api/v1/note/?extra.city={value}")) == []


def test_filters_by_lists_of_keys_of_nested_data(rows, serve, http):
    serve(*resources(rows, filtering={"extra": ALL}, ordering=["slug"]))
    for query, found in (
        ("has_keys=city,tags", ["n1", "n2", "n3"]),
        ("has_keys=city,nothing", []),
        ("has_any_keys=nothing,city", ["n1", "n2", "n3"]),
        ("has_key=nothing", []),
    ):
        assert slugs(http.get(f"/api/v1/note/?extra__{query}&order_by=slug")) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("order_by=slug", ["n1", "n2", "n3"]),
        ("order_by=-slug", ["n3", "n2", "n1"]),
        ("order_by=author__name&order_by=-slug", ["n3", "n1", "n2"]),
        ("order_by=-author__name,slug", ["n2", "n1", "n3"]),
    ],
)
def test_orderings(rows, serve, http, order, found):
    serve(*resources(rows, ordering=["slug", "author"]))
    assert slugs(http.get(f"/api/v1/note/?{order}")) == found


@pytest.mark.parametrize(
    "order",
    ["title", "author__born", "author__mentor", "nothing", "?", "slug__x", "-"]
    + ["genres", "-genres__name"],  # which would repeat notes
)
def test_an_ordering_that_is_not_listed_is_400(rows, serve, http, order):
    serve(*resources(rows, ordering=["slug", "author", "genres"]))
    assert http.get("/api/v1/note/", {"order_by": order}).status_code == 400


def test_orderings_and_offsets_are_bounded(rows, serve, http):
    serve(*resources(rows, ordering=["slug"], max_offset=10, max_ordering=2))
    assert http.get("/api/v1/note/?order_by=slug,-slug,slug").status_code == 400
    assert http.get("/api/v1/note/?offset=11").status_code == 400


def test_pages(rows, serve, http):
    serve(*resources(rows, ordering=["slug"], limit=2, max_limit=2))
    first = http.get("/api/v1/note/?order_by=slug&limit=0").json()
    assert [each["slug"] for each in first["objects"]] == ["n1", "n2"]
    assert first["meta"]["limit"] == 2 and first["meta"]["previous"] is None
    second = http.get(first["meta"]["next"]).json()
    assert [each["slug"] for each in second["objects"]] == ["n3"]
    assert second["meta"]["next"] is None
    assert http.get(second["meta"]["previous"]).json()["objects"] == first["objects"]
    for wrong in ("limit=x", "limit=-1", "offset=x", "offset=-1"):
        assert http.get(f"/api/v1/note/?{wrong}").status_code == 400


def test_limits_of_meta_settings_and_none(rows, serve, http, settings_of):
    serve(*resources(rows, limit=1))
    assert http.get("/api/v1/note/").json()["meta"]["limit"] == 1
    for unlimited in (None, 0):
        serve(*resources(rows, max_limit=unlimited, limit=1))
        found = http.get("/api/v1/note/?limit=0").json()
        assert found["meta"]["limit"] == 0 and len(found["objects"]) == 3
        assert http.get("/api/v1/note/?limit=5000").json()["meta"]["limit"] == 5000
    with settings_of(API_LIMIT_PER_PAGE=2):
        serve(*resources(rows))
        assert len(http.get("/api/v1/note/").json()["objects"]) == 2


@pytest.mark.parametrize("count", ["estimated", "off"])
def test_total_count_estimated_and_off(rows, serve, http, queries, count):
    serve(*resources(rows, total_count=count, limit=2))
    found = http.get("/api/v1/note/").json()
    assert len(found["objects"]) == 2 and found["meta"]["next"]
    assert found["meta"]["total_count"] == (3 if count == "estimated" else None)
    assert http.get(found["meta"]["next"]).json()["meta"]["next"] is None


@pytest.mark.parametrize(
    "order",
    [
        *("rating", "-rating", "pages", "-pages", "author__name", "-created"),
        *("author", "-author", "-author,pages"),
    ],
)
def test_cursors_page_through_all_objects_and_back(rows, serve, http, order):
    for number in range(4, 12):
        rows.Note.objects.create(
            slug=f"n{number}",
            title="same",
            author=rows.bob if number % 2 else rows.ann,
            pages=number % 3,
            rating=None if number % 2 else 1.5,
        )
    listed = ["rating", "pages", "author", "created"]
    serve(*resources(rows, ordering=listed, limit=3))
    wanted = slugs(http.get(f"/api/v1/note/?limit=100&order_by={order}"))
    page = http.get(f"/api/v1/note/?cursor=&order_by={order}").json()
    assert page["meta"]["previous"] is None
    found, pages = [], [page]
    while True:
        found += [each["slug"] for each in page["objects"]]
        if not page["meta"]["next"]:
            break
        page = http.get(page["meta"]["next"]).json()
        pages.append(page)
    assert found == wanted and len(pages) == 4
    for earlier in reversed(pages[:-1]):
        page = http.get(page["meta"]["previous"]).json()
        assert page["objects"] == earlier["objects"]


def test_a_deep_page_by_cursor_skips_and_counts_no_rows(rows, serve, http, queries):
    serve(*resources(rows, ordering=["slug"], limit=1))
    page = http.get("/api/v1/note/?cursor=&order_by=slug&fields=slug").json()
    for slug in ("n1", "n2"):
        with queries() as found:
            page = http.get(page["meta"]["next"]).json()
        (statement,) = [each["sql"].partition(" -- ")[0] for each in found]
        assert f"\"slug\" >= '{slug}'" in statement  # an index scan starts there
        assert statement.endswith("LIMIT 2") and "OFFSET" not in statement
    assert page["meta"]["next"] is None and page["meta"]["total_count"] is None


def test_a_cursor_is_signed_and_valid_for_one_ordering(rows, serve, http):
    serve(*resources(rows, ordering=["slug"], limit=1))
    following = http.get("/api/v1/note/?cursor=&order_by=slug").json()["meta"]["next"]
    assert http.get(following[:-3] + "xyz").status_code == 400
    other = following.replace("order_by=slug", "order_by=-slug")
    assert http.get(other).status_code == 400
    assert http.get("/api/v1/note/?cursor=nonsense").status_code == 400


@pytest.mark.parametrize("full", [False, True])
def test_no_query_in_a_loop(rows, serve, http, queries, full):
    serve(*resources(rows, full=full))
    with queries() as few:
        http.get("/api/v1/note/?limit=1")
    with queries() as many:
        http.get("/api/v1/note/?limit=100")
    assert len(few) == len(many) == (4 if full else 3)


def test_a_detail_is_two_queries(rows, serve, http, queries):
    serve(*resources(rows))
    with queries() as found:
        http.get(f"/api/v1/note/{rows.rows['n1'].pk}/")
    assert len(found) == 2


def test_full_relations(rows, serve, http):
    serve(*resources(rows, full=True))
    note = http.get(f"/api/v1/note/{rows.rows['n1'].pk}/").json()
    assert note["author"]["name"] == "Ann"
    assert sorted(each["name"] for each in note["genres"]) == ["fun", "war"]


def test_self_reverse_and_callable_relations(rows, serve, http, queries):
    class AuthorResource(ModelResource):
        mentor = fields.ToOneField("self", "mentor", null=True, full=True)
        notes = fields.ToManyField(
            "tests.rest.test_reading.LazyNoteResource", "notes", full_list=False,
            full=True,
        )  # fmt: skip
        thick = fields.ToManyField(
            "tests.rest.test_reading.LazyNoteResource",
            attribute=lambda bundle: bundle.obj.notes.filter(pages__gt=20),
        )

        class Meta:
            queryset = rows.Author.objects.all()
            resource_name = "author"

    class NoteResource(ModelResource):
        class Meta:
            queryset = rows.Note.objects.all()
            resource_name = "note"

    globals()["LazyNoteResource"] = NoteResource
    serve(AuthorResource, NoteResource)
    ann, bob = http.get("/api/v1/author/").json()["objects"]
    assert bob["mentor"]["name"] == "Ann" and ann["mentor"] is None
    assert ann["notes"] == [
        f"/api/v1/note/{rows.rows[slug].pk}/" for slug in ("n1", "n3")
    ]
    assert ann["thick"] == ann["notes"][1:]
    detail = http.get(ann["resource_uri"]).json()
    assert [each["title"] for each in detail["notes"]] == ["Note 1", "Note 3"]


def test_projection(rows, serve, http):
    serve(*resources(rows, full=True))
    uri = f"/api/v1/note/{rows.rows['n1'].pk}/"
    found = http.get(f"{uri}?fields=slug,author.name,extra.city,genres.name").json()
    found["genres"].sort(key=lambda each: each["name"])
    assert found == {
        "slug": "n1",
        "author": {"name": "Ann"},
        "extra": {"city": "Rome"},
        "genres": [{"name": "fun"}, {"name": "war"}],
    }
    assert set(http.get("/api/v1/note/?fields=slug").json()["objects"][0]) == {"slug"}
    assert http.get(f"{uri}?fields=password").status_code == 400


def test_head_and_options(rows, serve, http):
    serve(*resources(rows, list_allowed_methods=["get"]))
    head = http.head("/api/v1/note/")
    assert head.status_code == 200 and head.content == b""
    options = http.options("/api/v1/note/")
    assert options.status_code == 200 and options["Allow"] == "GET, HEAD, OPTIONS"


def test_export_of_a_whole_list(rows, serve, http, queries):
    serve(*resources(rows, limit=1, ordering=["slug"], export=True))
    response = http.get("/api/v1/note/?format=jsonl&order_by=-slug&fields=slug")
    assert response["Content-Type"] == "application/jsonl" and response.streaming
    lines = b"".join(response.streaming_content).splitlines()
    assert [json.loads(line)["slug"] for line in lines] == ["n3", "n2", "n1"]


def test_an_export_is_read_lazily(rows, serve, http, monkeypatch):
    shown = []

    class AuthorResource(ModelResource):
        class Meta:
            queryset = rows.Author.objects.order_by("pk")
            export = True

        def dehydrate(self, bundle):
            shown.append(bundle.obj.name)
            return bundle

    for number in range(8):
        rows.Author.objects.create(name=str(number))
    monkeypatch.setattr(export, "CHUNK", 2)
    serve(AuthorResource)
    lines = iter(http.get("/api/v1/author/?format=jsonl").streaming_content)
    next(lines)
    assert len(shown) == 2
    assert len(list(lines)) == 9 and len(shown) == 10


def test_etags_of_details(rows, serve, http):
    serve(*resources(rows))
    note = rows.rows["n1"]
    uri = f"/api/v1/note/{note.pk}/"
    etag = http.get(uri)["ETag"]
    assert http.get(uri)["ETag"] == etag
    assert http.get(uri, headers={"If-None-Match": etag}).status_code == 304
    note.title = "other"
    note.save()
    again = http.get(uri, headers={"If-None-Match": etag})
    assert again.status_code == 200 and again["ETag"] != etag


def test_alter_detail_data_changes_the_response(rows, serve, http):
    def alter(self, request, data):
        data.data["name"] = "altered"
        return data

    resource = type(
        "AuthorResource",
        (ModelResource,),
        {
            "alter_detail_data_to_serialize": alter,
            "Meta": type("Meta", (), {"queryset": rows.Author.objects.all()}),
        },
    )
    serve(resource)
    uri = http.get("/api/v1/author/").json()["objects"][0]["resource_uri"]
    assert http.get(uri).json()["name"] == "altered"
    assert set(http.get(uri, {"fields": "name"}).json()) == {"name"}
