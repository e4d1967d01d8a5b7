"""Related objects that their own resource hides: neither shown nor found by filters."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization, DjangoAuthorization
from nonrel_backend.rest.constants import ALL, ALL_WITH_RELATIONS
from nonrel_backend.rest.contrib.contenttypes.fields import GenericForeignKeyField
from nonrel_backend.rest.exceptions import Unauthorized
from tests.rest.sites import model_resource

NOTES = "/api/v1/note/"


class NoSecrets(Authorization):
    """Hides the objects whose text or name begins with "secret"."""

    name = "name"

    def read_list(self, object_list, bundle):
        return object_list.exclude(**{f"{self.name}__startswith": "secret"})

    def read_detail(self, object_list, bundle):
        return not getattr(bundle.obj, self.name).startswith("secret")


class NoSecretLists(Authorization):
    """Says the same by its list alone."""

    def read_list(self, object_list, bundle):
        return object_list.exclude(name__startswith="secret")


class NoSecretComments(NoSecrets):
    name = "text"


class Nothing(Authorization):
    def read_list(self, object_list, bundle):
        raise Unauthorized("Nobody may read this.")

    def read_detail(self, object_list, bundle):
        raise Unauthorized("Nobody may read this.")


@pytest.fixture
def site(models, serve):
    """Return site(authors=, genres=, comments=), the authorizations of each."""

    def start(
        authors=None, genres=None, comments=None, full=True, authorize=True, **options
    ):
        resources = [
            model_resource(
                models.Author.objects.all(),
                "author",
                authorization=authors,
                filtering={"name": ALL},
                ordering=["name"],
            ),
            model_resource(
                models.Genre.objects.order_by("name"),
                "genre",
                authorization=genres,
                filtering={"name": ALL},
            ),
            model_resource(
                models.Comment.objects.all(),
                "comment",
                authorization=comments,
                filtering={"text": ALL},
            ),
        ]
        author, genre, comment = resources
        more = {"full": full, "authorize": authorize}
        declared = {
            "author": fields.ForeignKey(author, "author", **more),
            "genres": fields.ManyToManyField(genre, "genres", blank=True, **more),
            "comments": fields.OneToManyField(comment, "comments", blank=True, **more),
        }
        notes = model_resource(
            models.Note.objects.order_by("slug"),
            "note",
            declared,
            filtering=dict.fromkeys(declared, ALL_WITH_RELATIONS),
            ordering=["author", "slug"],
            search=["author__name", "genres__name"],
            **options,
        )
        models.resource_of_notes = notes
        serve(notes, *resources)

    models.start = start
    models.ann = models.Author.objects.create(name="Ann")
    models.spy = models.Author.objects.create(name="secret")
    models.fun, models.hidden = (
        models.Genre.objects.create(name=name) for name in ("fun", "secret genre")
    )
    models.a = models.Note.objects.create(slug="a", title="A", author=models.ann)
    models.b = models.Note.objects.create(slug="b", title="B", author=models.spy)
    models.a.genres.set([models.fun, models.hidden])
    models.b.genres.set([models.hidden])
    for text in ("hello", "secret talk"):
        models.Comment.objects.create(note=models.a, text=text)
    models.uri = f"{NOTES}{models.a.pk}/"
    return models


def found(http, query):
    answer = http.get(f"{NOTES}?{query}")
    assert answer.status_code == 200, answer.content
    return [each["slug"] for each in answer.json()["objects"]]


@pytest.mark.parametrize("kind", [NoSecrets, NoSecretLists])
def test_hidden_objects_are_not_shown(site, http, kind):
    site.start(kind(), kind(), NoSecretComments())
    for shown in (
        *http.get(NOTES).json()["objects"],
        *(http.get(f"{NOTES}{each.pk}/").json() for each in (site.a, site.b)),
    ):
        if shown["slug"] == "a":
            assert shown["author"]["name"] == "Ann"
            assert [each["name"] for each in shown["genres"]] == ["fun"]
            assert [each["text"] for each in shown["comments"]] == ["hello"]
        else:
            assert shown["author"] == f"/api/v1/author/{site.spy.pk}/"
            assert shown["genres"] == []
    site.start(kind(), kind(), NoSecretComments(), full=False)
    a, b = http.get(NOTES).json()["objects"]
    assert a["genres"] == [f"/api/v1/genre/{site.fun.pk}/"] and b["genres"] == []
    assert http.get(site.uri).json() == a


def test_who_may_read_nothing_sees_the_uri_alone(site, http):
    site.start(Nothing(), Nothing(), Nothing())
    a, _ = http.get(NOTES).json()["objects"]
    assert a["author"] == f"/api/v1/author/{site.ann.pk}/"
    assert a["genres"] == a["comments"] == []
    for query in ("author__name=Ann", "genres__name=fun", "comments__text=hello"):
        assert http.get(f"{NOTES}?{query}").status_code == 401


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("author__name=Ann", ["a"]),
        ("author__name__startswith=secret", []),
        ("author__name!=secret", ["a", "b"]),
        ("genres__name=fun", ["a"]),
        ("genres__name__startswith=secret", []),
        ("genres__name!=secret genre", ["a", "b"]),
        ("genres__isnull=true", ["b"]),
        ("genres__isnull=false", ["a"]),
        ("comments__text__startswith=secret", []),
        ("comments__text__startswith=hell", ["a"]),
        ("search=secret", []),
        ("search=fun", ["a"]),
    ],
)
def test_filters_do_not_find_hidden_objects(site, http, query, slugs):
    site.start(NoSecrets(), NoSecrets(), NoSecretComments())
    assert found(http, query) == slugs


def test_keys_of_hidden_members_are_not_found(site, http):
    site.start(NoSecrets(), NoSecrets(), NoSecretComments())
    assert found(http, f"genres={site.hidden.pk}") == []
    assert found(http, f"genres__in={site.hidden.pk},{site.fun.pk}") == ["a"]
    assert found(http, f"author={site.spy.pk}") == ["b"]  # its URI is shown


def test_orderings_by_what_is_hidden_are_400(site, http):
    site.start(NoSecrets())
    assert http.get(f"{NOTES}?order_by=author__name").status_code == 400
    assert found(http, "order_by=-author") in (["b", "a"], ["a", "b"])
    site.start()
    assert found(http, "order_by=-author__name") == ["b", "a"]


def test_what_is_hidden_stays_when_the_rest_is_written(site, http):
    site.start(NoSecrets(), NoSecrets(), NoSecretComments())
    shown = http.get(site.uri).json()
    assert http.put(site.uri, shown | {"genres": []}).status_code == 204
    assert [each.name for each in site.a.genres.all()] == ["secret genre"]
    assert http.patch(site.uri, {"comments": []}).status_code == 202
    assert [each.text for each in site.a.comments.all()] == ["secret talk"]


def test_it_can_be_switched_off(site, http):
    site.start(NoSecrets(), NoSecrets(), NoSecretComments(), authorize=False)
    a, b = http.get(NOTES).json()["objects"]
    assert len(a["genres"]) == len(a["comments"]) == 2
    assert b["author"]["name"] == "secret"
    assert found(http, "author__name=secret") == ["b"]
    assert found(http, "order_by=author__name") == ["a", "b"]


def test_permissions_cost_no_query(site, http, queries):
    from django.contrib.auth import get_user_model

    from nonrel_backend.rest.authentication import SessionAuthentication

    def cost(authorization, comments=None):
        site.start(
            authorization,
            authorization,
            comments or authorization,
            authentication=SessionAuthentication(),
        )
        with queries() as ran:
            answer = http.get(NOTES)
        assert answer.status_code == 200, answer.content
        return len(ran)

    http.force_login(get_user_model().objects.create_superuser("root", password="x"))
    free = cost(None)
    assert cost(DjangoAuthorization()) == free
    assert cost(NoSecrets(), NoSecretComments()) == free


def test_objects_of_other_lists_are_hidden(site, serve, http):
    """A resource whose get_object_list() depends on the user."""
    authors = model_resource(site.Author.objects.all(), "author")

    class Own(authors):
        class Meta(authors.Meta):
            pass

        def get_object_list(self, request):
            return super().get_object_list(request).filter(name="Ann")

    declared = {"author": fields.ForeignKey(Own, "author", full=True)}
    serve(Own, model_resource(site.Note.objects.order_by("slug"), "note", declared))
    a, b = http.get(NOTES).json()["objects"]
    assert a["author"]["name"] == "Ann"
    assert b["author"] == f"/api/v1/author/{site.spy.pk}/"


def test_a_bundle_without_a_request_shows_all(site, http):
    """Code of the project serializes an object, outside of any request."""
    site.start(Nothing(), Nothing(), Nothing())
    resource = site.resource_of_notes()
    shown = resource.full_dehydrate(resource.build_bundle(obj=site.a)).data
    assert shown["author"].data["name"] == "Ann" and len(shown["genres"]) == 2


def test_a_generic_relation_to_a_hidden_object_is_its_uri(site, serve, http):
    authors, genres = (
        model_resource(model.objects.all(), name, authorization=NoSecrets())
        for model, name in ((site.Author, "author"), (site.Genre, "genre"))
    )
    of = GenericForeignKeyField(
        {site.Author: authors, site.Genre: genres}, "of", full=True
    )
    serve(authors, genres, model_resource(site.Mark.objects.all(), "mark", {"of": of}))
    for obj, uri in ((site.ann, None), (site.spy, f"/api/v1/author/{site.spy.pk}/")):
        mark = site.Mark.objects.create(text="m", of=obj)
        shown = http.get(f"/api/v1/mark/{mark.pk}/").json()["of"]
        assert shown == uri if uri else shown["name"] == "Ann"
