"""The 400 of a filter names its parameter; hooks are asked as they are now."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.constants import ALL, ALL_WITH_RELATIONS
from nonrel_backend.rest.resources import ModelResource

URI = "/api/v1/note/"


@pytest.fixture
def site(models, serve):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            filtering = {"name": ["exact"], "born": ALL}

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.all()
            resource_name = "note"
            authorization = Authorization()
            filtering = {
                **dict.fromkeys(("title", "pages", "created", "price", "extra"), ALL),
                "is_active": ["exact"],
                "author": ALL_WITH_RELATIONS,
            }
            ordering = ["pages"]

    serve(AuthorResource, NoteResource)
    author = models.Author.objects.create(name="Ann")
    return models.Note.objects.create(slug="n", title="t", author=author)


@pytest.mark.parametrize(
    "wrong",
    [
        "pages=x", "pages__in=1,x", "pages__range=1", "created=x", "created__year=x",
        "price__gt=x", "is_active=x", "author__born=x", "author__born__gt=2020-99-99",
        "author=/x/", "author__name__startswith=a", "slug=x", "title__regex=x",
        "title__isnull=x", "pk=1", "author__x=1", "extra__a__gt=[]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", ["", "&title=t&pages__gt=0", "&format=json&limit=1"])
def test_a_filters_error_names_its_parameter(site, http, wrong, more):
    name = wrong.partition("=")[0]
    for query in (wrong + more, more.removeprefix("&") + "&" + wrong):
        refused = http.get(f"{URI}?{query}")
        assert refused.status_code == 400, refused.content
        assert name in refused.json()["error"], refused.json()


def test_hooks_of_authorizations_are_asked_from_now_on(site, http, monkeypatch):
    uri = f"{URI}{site.pk}/"
    assert http.get(uri).status_code == 200
    assert http.patch(uri, {"title": "a"}).status_code == 202
    with monkeypatch.context() as patched:
        patched.setattr(Authorization, "read_detail", lambda *args: False)
        assert http.get(uri).status_code == 401

    class Own(Authorization):
        pass

    own = Own()

    class OwnResource(ModelResource):
        class Meta:
            queryset = type(site).objects.all()
            resource_name = "note"
            authorization = own

    resource = OwnResource()
    assert resource.allows_all("update")
    monkeypatch.setattr(own, "update_detail", lambda *args: False)
    assert not resource.allows_all("update") and resource.allows_all("delete")
    monkeypatch.setattr(Own, "delete_detail", lambda *args: False, raising=False)
    assert not resource.allows_all("delete") and resource.allows_all("create")
    monkeypatch.setattr(
        OwnResource, "authorized_create_detail", lambda *args: True, raising=False
    )
    assert not resource.allows_all("create")
