"""Resources over the tests' models, and data for them."""

import base64

from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.resources import ModelResource


def model_resource(queryset, name, declared=None, authorization=None, **options):
    """Return a ModelResource class with this name, these fields and this Meta."""
    options = {
        "queryset": queryset,
        "resource_name": name,
        "authorization": authorization or Authorization(),
        **options,
    }
    attributes = {**(declared or {}), "Meta": type("Meta", (), options)}
    return type(f"{name.title()}Resource", (ModelResource,), attributes)


def data_of(site, slug="b", **more):
    return {"slug": slug, "title": "B", "author": site.ann.pk, **more}


def slugs(site):
    return list(site.Note.objects.order_by("slug").values_list("slug", flat=True))


def basic(text):
    """Return the headers of BasicAuthentication for "name:password"."""
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
