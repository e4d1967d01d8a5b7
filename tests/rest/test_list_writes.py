"""DELETE and PUT on lists refuse what they do not use."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.resources import ModelResource

URI = "/api/v1/page/"


@pytest.fixture
def pages(models, serve):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()
            filtering = {"text": ["exact"]}
            ordering = ["text"]

    serve(PageResource)
    for text in "abc":
        models.Page.objects.create(text=text)
    return models.Page.objects


@pytest.mark.parametrize(
    "query",
    ["limit=1", "offset=3", "cursor=", "order_by=text", "fields=text", "pk=1", "x=1"],
)
@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_a_write_to_a_list_refuses_what_it_does_not_use(pages, http, method, query):
    data = {"objects": [{"text": "new"}]} if method == "PUT" else None
    for address in (f"{URI}?{query}", f"{URI}?text=a&{query}"):
        refused = http.send(method, address, data)
        assert refused.status_code == 400, (address, refused.content)
        assert f"'{query.partition('=')[0]}'" in refused.json()["error"]
    assert pages.count() == 3


def test_a_write_to_a_list_uses_filters_and_formats(pages, http):
    assert http.delete(f"{URI}?text=a&format=xml").status_code == 204
    sent = {"objects": [{"text": "new"}]}
    assert http.put(f"{URI}?text=b&format=json", sent).status_code == 204
    assert sorted(each.text for each in pages.all()) == ["c", "new"]


def test_filters_of_a_project_do_not_let_pages_in(models, serve, http):
    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()

        def build_filters(self, filters=None):
            return {"text": filters["q"]} if "q" in filters else {}

    serve(PageResource)
    models.Page.objects.create(text="a")
    models.Page.objects.create(text="b")
    assert http.delete(f"{URI}?limit=1").status_code == 400
    assert http.delete(f"{URI}?q=a").status_code == 204
    assert [each.text for each in models.Page.objects.all()] == ["b"]


def test_a_field_may_be_named_like_a_parameter(models, serve, http):
    class PageResource(ModelResource):
        limit = fields.CharField("text")

        class Meta:
            queryset = models.Page.objects.all()
            authorization = Authorization()
            fields = ["id"]
            filtering = {"limit": ["exact"]}

    serve(PageResource)
    models.Page.objects.create(text="a")
    models.Page.objects.create(text="b")
    assert http.delete(f"{URI}?limit=a").status_code == 204
    assert [each.text for each in models.Page.objects.all()] == ["b"]
