"""Fixtures that serve resources on the backend under test, and a JSON client."""

import json
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import clear_url_caches, include, path, set_urlconf

from nonrel_backend.rest import fields
from tests.rest.sites import model_resource


class Http(Client):
    """Django's client. Bodies are JSON unless a content type is given."""

    def send(self, method, uri, data=None, content_type="application/json", **extra):
        if content_type == "application/json" and not isinstance(data, bytes | str):
            data = json.dumps(data)
        return self.generic(method, uri, data, content_type=content_type, **extra)

    def post(self, uri, data=None, **extra):
        return self.send("POST", uri, data, **extra)

    def put(self, uri, data=None, **extra):
        return self.send("PUT", uri, data, **extra)

    def patch(self, uri, data=None, **extra):
        return self.send("PATCH", uri, data, **extra)


@pytest.fixture
def http():
    return Http()


@pytest.fixture
def models(databases):
    """Return the models of these tests, without rows."""
    from django.contrib.auth import get_user_model

    from nonrel_backend.rest.models import ApiAccess, ApiKey
    from tests.rest import models

    for model in (
        ApiKey,
        ApiAccess,
        models.Photo,
        models.Comment,
        models.Note.genres.through,
        models.Note,
        models.Genre,
        models.Author,
        models.Token,
        models.Country,
        models.Diary,
        models.Page,
        models.Paper,
        models.Tour,
        models.Badge,
        models.Payment,
        models.Job,
        models.Seat,
        models.Mark,
    ):
        model._base_manager.all()._raw_delete("default")
    get_user_model().objects.all().delete()
    return models


@pytest.fixture
def countries(models):
    models.Country.objects.create(code="it", name="Italy")
    models.Country.objects.create(code="no", name="Norway")
    return models.Country.objects.order_by("code")


@pytest.fixture
def serve(databases):
    """Return serve(ResourceClass, …): it serves them at /api/v1/, returns the Api."""
    with ExitStack() as stack:

        def start(*resources, api_name="v1"):
            from nonrel_backend.rest.api import Api

            api = Api(api_name)
            for resource in resources:
                api.register(resource() if isinstance(resource, type) else resource)
            serve_patterns(stack, [path("api/", include(api.urls))])
            return api

        start.patterns = lambda patterns: serve_patterns(stack, patterns)
        yield start


def serve_patterns(stack, patterns):
    urlconf = type("Urls", (), {"urlpatterns": patterns})
    stack.callback(set_root, settings.ROOT_URLCONF)
    set_root(urlconf)


def set_root(urlconf):
    """Set ROOT_URLCONF; not by override_settings(), as calls may end in any order."""
    settings.ROOT_URLCONF = urlconf
    clear_url_caches()
    set_urlconf(None)


@pytest.fixture
def queries(databases):
    """Return a context manager of queries: `with queries() as found: …; len(found)`."""
    return lambda: CaptureQueriesContext(databases["default"])


@pytest.fixture
def without_transactions(databases, monkeypatch):
    """Have the store behave as one without transactions."""
    features = databases["default"].features
    monkeypatch.setattr(type(features), "supports_transactions", False)
    features.__dict__.pop("supports_transactions", None)


@pytest.fixture
def settings_of():
    return override_settings


@pytest.fixture
def site(models, serve):
    """Return site(**Meta of notes), which serves authors, genres, comments, notes."""

    def start(full=False, author_authorization=None, comments=None, **options):
        authors = model_resource(
            models.Author.objects.all(), "author", authorization=author_authorization
        )
        genres = model_resource(models.Genre.objects.all(), "genre")
        declared = {
            "author": fields.ForeignKey(authors, "author", full=full),
            "genres": fields.ManyToManyField(genres, "genres", full=full, blank=True),
        }
        notes = model_resource(
            models.Note.objects.order_by("slug"), "note", declared, **options
        )
        comment_resource = model_resource(models.Comment.objects.all(), "comment")
        if comments:
            comment_fields = {"note": fields.ForeignKey(notes, "note")}
            comment_resource = model_resource(
                models.Comment.objects.order_by("text"),
                "comment",
                comment_fields,
                **({} if comments is True else comments),
            )
            notes.base_fields["comments"] = fields.OneToManyField(
                comment_resource, "comments", full=True, blank=True
            )
            notes.base_fields["comments"].contribute_to_class(notes, "comments")
        models.resource = notes
        serve(authors, genres, notes, comment_resource)

    ann = models.Author.objects.create(name="Ann")
    fun = models.Genre.objects.create(name="fun")
    models.note = models.Note.objects.create(
        slug="a", title="A", author=ann, pages=3, extra={"city": {"name": "Rome"}}
    )
    models.note.genres.set([fun])
    models.ann, models.fun, models.start = ann, fun, start
    models.uri = f"/api/v1/note/{models.note.pk}/"
    return models


@pytest.fixture
def pages(models, serve):
    """Return pages(**Meta), which serves pages and returns their manager."""

    def start(body=None, **options):
        serve(model_resource(models.Page.objects.all(), "page", body, **options))
        return models.Page.objects

    cache.clear()
    return start


@pytest.fixture
def user(models):
    from django.contrib.auth import get_user_model

    cache.clear()
    return get_user_model().objects.create_user("ann", password="secret")
