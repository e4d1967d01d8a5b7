"""The cache of details is never older than a write through it; headers of caches."""

import pytest
from django.core.cache import cache
from django.db import transaction

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    Authentication,
    BasicAuthentication,
    MultiAuthentication,
    SessionAuthentication,
)
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.cache import NoCache, SimpleCache
from nonrel_backend.rest.resources import ModelResource
from tests.rest.sites import model_resource

URI = "/api/v1/page/"


@pytest.fixture
def pages(models, serve):
    """Return pages(**Meta), which serves two pages with a cache."""

    def start(**options):
        options = {
            "cache": SimpleCache(timeout=50),
            "filtering": {"text": ["exact"]},
            **options,
        }
        kind = model_resource(models.Page.objects.all(), "page", **options)
        start.resource = kind(api_name="v1")
        serve(start.resource)
        return [models.Page.objects.create(text=text) for text in "ab"]

    cache.clear()
    return start


def read(http, page):
    response = http.get(f"{URI}{page.pk}/")
    return response.json()["text"] if response.status_code == 200 else None


def test_writes_to_lists_are_seen_in_details(pages, http):
    first, second = pages()
    own = f"{URI}{first.pk}/"
    assert (read(http, first), read(http, second)) == ("a", "b")
    objects = [{"resource_uri": own, "text": "patched"}]
    other = [f"{URI}{second.pk}/"]
    sent = {"objects": objects, "deleted_objects": other}
    assert http.patch(URI, sent).status_code == 202
    assert (read(http, first), read(http, second)) == ("patched", None)
    objects[0]["text"] = "put"
    assert http.put(URI, {"objects": objects}).status_code == 204
    assert read(http, first) == "put"
    assert http.delete(f"{URI}?text=put").status_code == 204
    assert read(http, first) is None


def test_a_detail_is_cached_once_however_its_key_is_written(pages, http, queries):
    first, _ = pages()
    address = f"{URI}0{first.pk}/"
    assert http.get(address).json()["text"] == "a"
    with queries() as found:
        assert read(http, first) == "a"
    assert len(found) == 0
    assert http.patch(f"{URI}{first.pk}/", {"text": "c"}).status_code == 202
    assert http.get(address).json()["text"] == "c"
    assert http.delete(address).status_code == 204
    assert read(http, first) is None


@pytest.mark.parametrize("wrong", ["x", "9" * 40, "1.5"])
def test_malformed_keys_are_404_with_a_cache(pages, http, wrong):
    pages()
    assert http.get(f"{URI}{wrong}/").status_code == 404
    assert http.delete(f"{URI}{wrong}/").status_code == 404


def test_related_objects_that_were_written_are_seen(models, serve, http):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            resource_name = "author"
            authorization = Authorization()
            cache = SimpleCache()

    class CommentResource(ModelResource):
        class Meta:
            queryset = models.Comment.objects.all()
            resource_name = "comment"
            authorization = Authorization()
            cache = SimpleCache()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")
        comments = fields.ToManyField(
            CommentResource, "comments", related_name="note", blank=True
        )

        class Meta:
            queryset = models.Note.objects.all()
            resource_name = "note"
            authorization = Authorization()

    cache.clear()
    serve(AuthorResource, CommentResource, NoteResource)
    author = models.Author.objects.create(name="Ann")
    note = models.Note.objects.create(slug="n", title="t", author=author)
    comment = models.Comment.objects.create(note=note, text="first")
    uris = [f"/api/v1/author/{author.pk}/", f"/api/v1/comment/{comment.pk}/"]
    assert [http.get(uri).status_code for uri in uris] == [200, 200]
    sent = {
        "author": {"resource_uri": uris[0], "name": "Eve"},
        "comments": [{"resource_uri": uris[1], "text": "second"}],
    }
    assert http.patch(f"/api/v1/note/{note.pk}/", sent).status_code == 202
    assert http.get(uris[0]).json()["name"] == "Eve"
    assert http.get(uris[1]).json()["text"] == "second"
    sent = {"comments": []}
    assert http.patch(f"/api/v1/note/{note.pk}/", sent).status_code == 202
    assert http.get(uris[1]).status_code == 404


def test_the_cache_forgets_again_when_the_transaction_is_committed(
    pages, http, databases
):
    if not databases["default"].features.supports_transactions:
        pytest.skip("this store has no transactions")
    old, second = pages()
    own = f"{URI}{old.pk}/"
    for uri, data in (
        (own, {"text": "c"}),
        (URI, {"objects": [{"resource_uri": own, "text": "c"}]}),
    ):
        with transaction.atomic():
            assert http.patch(uri, data).status_code == 202
            # Another request caches what it still sees.
            key = pages.resource.detail_cache_key(None, {"pk": str(old.pk)})
            cache.set(key, old)
            assert read(http, old) == "a"
        assert read(http, old) == "c"


# --- headers ---


def test_no_cache_is_the_default(pages, http):
    first, _ = pages(cache=NoCache())
    for address in (URI, f"{URI}{first.pk}/", f"{URI}schema/", f"{URI}999/"):
        assert http.get(address)["Cache-Control"] == "no-cache", address
    assert http.patch(f"{URI}{first.pk}/", {"text": "x"})["Cache-Control"] == "no-cache"
    assert http.get("/api/v1/")["Cache-Control"] == "no-cache"
    assert http.get(URI)["Vary"] == "Accept"


class Token(Authentication):
    """A project's own authentication."""

    def is_authenticated(self, request, **kwargs):
        return True


@pytest.mark.parametrize(
    ("authentication", "names"),
    [
        (Authentication(), {"Accept"}),
        (BasicAuthentication(), {"Accept", "Authorization"}),
        (ApiKeyAuthentication(), {"Accept", "Authorization"}),
        (
            MultiAuthentication(ApiKeyAuthentication(), SessionAuthentication()),
            {"Accept", "Authorization", "Cookie"},
        ),
        (Token(), {"Accept", "Authorization", "Cookie"}),
    ],
)
def test_vary_names_what_says_who_the_user_is(pages, http, authentication, names):
    pages(authentication=authentication)
    assert set(http.get(URI)["Vary"].split(", ")) == names


def control(response):
    return set(response["Cache-Control"].split(", "))


def test_what_a_user_with_credentials_gets_is_private(pages, http, models):
    from django.contrib.auth import get_user_model

    from nonrel_backend.rest.models import ApiKey

    user = get_user_model().objects.create_user("ann")
    headers = {"Authorization": f"ApiKey ann:{ApiKey.objects.create(user=user).key}"}
    pages(authentication=ApiKeyAuthentication())
    assert control(http.get(URI, headers=headers)) == {"max-age=50", "private"}
    pages(authentication=ApiKeyAuthentication(), cache=SimpleCache(public=True))
    assert "public" in control(http.get(URI, headers=headers))
    pages()
    assert control(http.get(URI)) == {"max-age=50", "s-maxage=50"}
    assert control(http.get(URI, headers={"Authorization": "x"})) == {
        "max-age=50",
        "private",
    }
    assert http.get(f"{URI}999/")["Cache-Control"] == "no-cache"
