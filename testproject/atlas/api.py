"""The atlas over HTTP at /api/v1/: everybody may read, permissions are for writing.

Only staff may read users, without their passwords. Users cannot be written.
"""

from typing import Any

from django.contrib.auth import get_user_model

from nonrel_backend.rest import fields
from nonrel_backend.rest.api import Api
from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    MultiAuthentication,
    SessionAuthentication,
)
from nonrel_backend.rest.authorization import DjangoAuthorization, ReadOnlyAuthorization
from nonrel_backend.rest.exceptions import Unauthorized
from nonrel_backend.rest.resources import ALL, ALL_WITH_RELATIONS, ModelResource

from .models import City, Country, Tag, Traveller, Visit

KNOWN = (ApiKeyAuthentication(), SessionAuthentication())


class OpenForReading(MultiAuthentication):
    """Authentication that is not needed for reading."""

    def accepts_anyone(self, method: str) -> bool:
        return method == "get"

    def is_authenticated(self, request: Any, **kwargs: Any) -> Any:
        answer = super().is_authenticated(request, **kwargs)
        return True if request.method in ("GET", "HEAD") else answer


class StaffReads(ReadOnlyAuthorization):
    """Staff may read. Nobody may write."""

    def read_list(self, object_list: Any, bundle: Any) -> Any:
        self.read_detail(object_list, bundle)
        return object_list

    def read_detail(self, object_list: Any, bundle: Any) -> bool:
        if not bundle.request.user.is_staff:
            raise Unauthorized("Only staff may read users.")
        return True


class UserResource(ModelResource):
    class Meta:
        queryset = get_user_model().objects.all()
        resource_name = "user"
        # Other fields, passwords among them, are neither shown nor filtered by.
        fields = ["id", "username", "first_name", "last_name", "email", "is_staff"]
        allowed_methods = ["get"]
        authentication = MultiAuthentication(*KNOWN)
        authorization = StaffReads()
        filtering = {"username": ALL, "is_staff": ["exact"]}
        ordering = ["username"]


class Open:
    """The Meta of the resources that everybody may read."""

    authentication = OpenForReading(*KNOWN)
    authorization = DjangoAuthorization(read_permission=None)


class CountryResource(ModelResource):
    class Meta(Open):
        queryset = Country.objects.all()
        filtering = {"name": ALL, "continent": ["exact", "in"], "population": ALL}
        ordering = ["name", "population", "area"]


class CityResource(ModelResource):
    country = fields.ForeignKey(CountryResource, "country")

    class Meta(Open):
        queryset = City.objects.all()
        filtering = {
            "name": ALL,
            "country": ALL_WITH_RELATIONS,
            "population": ALL,
            "location": ALL,
            "alternate_names": ["contains"],
        }
        ordering = ["name", "population", "country"]


class TagResource(ModelResource):
    class Meta(Open):
        queryset = Tag.objects.all()
        filtering = {"name": ALL}
        ordering = ["name"]


class TravellerResource(ModelResource):
    home = fields.ForeignKey(CityResource, "home", null=True)
    tags = fields.ManyToManyField(TagResource, "tags", full=True, blank=True)

    class Meta(Open):
        queryset = Traveller.objects.all()
        filtering = {
            "name": ALL,
            "born": ALL,
            "home": ALL_WITH_RELATIONS,
            "tags": ALL_WITH_RELATIONS,
        }
        ordering = ["name", "born"]


class VisitResource(ModelResource):
    traveller = fields.ForeignKey(TravellerResource, "traveller")
    city = fields.ForeignKey(CityResource, "city")

    class Meta(Open):
        queryset = Visit.objects.all()
        filtering = {
            "traveller": ALL_WITH_RELATIONS,
            "city": ALL_WITH_RELATIONS,
            "arrived": ALL,
            "nights": ALL,
            "spent": ALL,
        }
        ordering = ["arrived", "nights", "spent"]


v1 = Api("v1", browsable=True)
for resource in (
    UserResource,
    CountryResource,
    CityResource,
    TagResource,
    TravellerResource,
    VisitResource,
):
    v1.register(resource())
