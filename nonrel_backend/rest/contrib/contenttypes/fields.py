"""GenericForeignKeyField: a relation to objects of several resources."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.translation import gettext, gettext_lazy

from ...bundle import Bundle
from ...exceptions import ApiFieldError
from ...fields.related import ToOneField
from ...resource.resource import Resource
from .resources import GenericResource


class GenericForeignKeyField(ToOneField):
    """A GenericForeignKey. `to` has the class of a resource for each model.

    It is written by the URI of an existing object, or by data with its resource_uri.
    """

    help_text = gettext_lazy("A related resource of one of several kinds: a URI.")

    def __init__(self, to: Any, attribute: str, **kwargs: Any) -> None:
        if not isinstance(to, dict) or not to:
            raise ImproperlyConfigured(
                "A GenericForeignKeyField needs a dictionary of resources by model."
            )
        for model, resource in to.items():
            if not (issubclass(model, Model) and issubclass(resource, Resource)):
                raise ImproperlyConfigured(
                    f"{model!r}: {resource!r} is not a model and its resource."
                )
        super().__init__(to, attribute, **kwargs)

    def contribute_to_class(self, cls: Any, name: str) -> None:
        super().contribute_to_class(cls, name)
        # The columns of the key are set with the relation.
        found = cls._meta.object_class._meta.get_field(self.attribute)
        for column in (found.ct_field, found.fk_field):
            if column in cls.base_fields:
                cls.base_fields[column].blank = True

    # --- the related resources ---

    @property
    def related_resources(self) -> list[Resource]:
        """The resources that the relation may lead to."""
        return list(self.by_model.values())

    @property
    def by_model(self) -> dict[type, Resource]:
        """The resources by model."""
        api_name = self._resource._meta.api_name
        if self._related is None or self._related[0] != api_name:
            found = {model: self.joined(kind()) for model, kind in self.to.items()}
            self._related = (api_name, found)  # type: ignore[assignment]
        return self._related[1]  # type: ignore[index,return-value]

    @property
    def related(self) -> Resource:
        """Refuse what needs one resource, such as a filter through the relation."""
        raise ApiFieldError(
            gettext("The '%(field)s' field leads to several resources.")
            % {"field": self.instance_name}
        )

    def get_related_resource(self, related_instance: Any = None) -> Resource:
        """Return the resource of an object."""
        kind = type(related_instance)
        for model in kind.__mro__:
            if model in self.by_model:
                return self.by_model[model]
        raise ApiFieldError(
            gettext(
                "The '%(field)s' field has no resource for %(verbose_name)s objects."
            )
            % {"field": self.instance_name, "verbose_name": kind._meta.verbose_name}
        )

    # --- data ---

    def dehydrate(self, bundle: Bundle, for_list: bool = True) -> Any:
        return self.shown_value(bundle, for_list, self.is_full(bundle, for_list))

    def read(self, value: Any, bundle: Bundle) -> Bundle:
        return self.related_bundle(value, bundle)

    def related_bundle(self, value: Any, bundle: Bundle) -> Bundle:
        if not isinstance(value, dict):
            return super().related_bundle(value, bundle)
        if not isinstance(value.get("resource_uri"), str):
            raise self.wrong(gettext("a URI, or an object with its resource_uri"))
        obj = self.found(value["resource_uri"], bundle.request)
        relations = self.get_related_resource(obj).relations
        return relations.bundle_from_data(value, bundle.request, bundle.obj, None)

    def found(self, value: Any, request: Any) -> Any:
        if not isinstance(value, str) or "/" not in value:
            raise self.wrong(gettext("a URI"))
        return GenericResource(self.related_resources).get_via_uri(value, request)

    # --- descriptions ---

    def schema_uri(self) -> Any:
        """Return the URIs of the related resources' descriptions."""
        return [
            each.get_resource_uri(url_name="api_get_schema")
            for each in self.related_resources
        ]
