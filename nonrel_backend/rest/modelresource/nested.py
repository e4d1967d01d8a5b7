"""Nested addresses: /author/5/books/ is the list of an author's books."""

from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property

from ..fields.related import RelatedField
from .paths import relation
from .relations import related_resource

if TYPE_CHECKING:
    from .resource import ModelResource


class Nested:
    """The lists of Meta.nested, which are names of to-many relations."""

    def __init__(self, resource: "ModelResource") -> None:
        self.resource = resource

    @cached_property
    def names(self) -> list[str]:
        """The names of the relations. Raise ImproperlyConfigured for any other."""
        resource = self.resource
        for name in resource._meta.nested:
            field = resource.fields.get(name)
            if field is None or not field.is_m2m or self.lookup_to_parent(field) == "":
                raise ImproperlyConfigured(
                    f"{type(resource).__name__}.Meta.nested has {name!r}, which is no "
                    "to-many relation that leads back."
                )
        return list(resource._meta.nested)

    def lookup_to_parent(self, field: Any) -> str:
        """Return the lookup that leads from the members of a relation back to its
        owner; empty if there is none.
        """
        found = self.model_relation(field)
        if found is None:
            return ""
        if isinstance(found, models.ForeignObjectRel):
            return found.field.name
        if found.remote_field.hidden:
            return ""
        return found.related_query_name()

    def model_relation(self, field: Any) -> Any:
        """Return the model's relation of a field, or None."""
        if len(field.steps) != 1:
            return None
        return relation(self.resource._meta.object_class, field.steps[0])

    def has_key(self, found: Any) -> bool:
        """Return whether the members of a model's relation have a foreign key to its
        owner.
        """
        return isinstance(found, models.ManyToOneRel) and found.one_to_many

    def methods_of(self, name: str) -> list[str]:
        """Return the methods of a list that the related resource allows too."""
        field = cast(RelatedField, self.resource.fields[name])
        wanted = (
            ["get", "post"] if self.has_key(self.model_relation(field)) else ["get"]
        )
        allowed = field.related._meta.list_allowed_methods
        return [each for each in wanted if each in allowed]

    def dispatch(
        self, request: HttpRequest, name: str, lookup: dict[str, Any]
    ) -> HttpResponseBase:
        """Answer a request for the list of a relation: GET, and POST if its objects
        have a foreign key to the owner.

        The owner must be readable. Then the related resource checks and answers.
        """
        resource = self.resource
        field = cast(RelatedField, resource.fields[name])
        resource.method_check(request, self.methods_of(name))
        resource.is_authenticated(request)
        resource.is_authorized(request)
        bundle = resource.build_bundle(request=request)
        owner = resource.obj_get(bundle=bundle, **lookup)
        key, found = owner.pk, self.model_relation(field)
        if self.has_key(found):
            key = getattr(owner, found.field.target_field.attname)
        related = related_resource(field)
        return related.dispatch("list", request, **{self.lookup_to_parent(field): key})
