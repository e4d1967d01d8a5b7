"""How a ModelResource reads data of its objects within another object's data."""

from functools import cached_property
from typing import Any

from django.db import connections

from ..bundle import Bundle
from ..exceptions import ApiFieldError, MalformedKey, NotFound
from ..resource.part import Part
from .transactions import changed, is_ours, state


class Within(Part):
    """What a relation asks of the resource that it leads to."""

    def existing_key(self, field: Any, reference: Any, request: Any) -> Any:
        if not (
            self.has_plain_reading
            and self.allows_all("read")
            and field._resource.needs_key_alone(field)
        ):
            return None
        name = self._meta.detail_uri_name
        if isinstance(reference, str) and "/" in reference:
            kwargs = self.kwargs_of_uri(reference, request)
            if set(kwargs) != {name}:
                return None
            reference = kwargs[name]
        key = self.identifier(name, reference)
        if not (field._resource.store_checks(field) or self.has_key(key, request)):
            raise NotFound(f"No object has the {name} {key!r}.")
        return key

    def has_key(self, key: Any, request: Any) -> bool:
        """Whether there is an object with a key."""
        objects = self.get_object_list(request)
        return objects.filter(**{self._meta.detail_uri_name: key}).exists()

    def store_checks(self, field: Any) -> bool:
        """Whether the store refuses a key that leads nowhere at once, so that it need
        not be looked up before.
        """
        connection = connections[self.database]
        return (
            connection.features.supports_foreign_keys
            and not connection.in_atomic_block
            and self.has_constraint(field)
        )

    def has_constraint(self, field: Any) -> bool:
        """Whether the relation's foreign key leads to all objects that there are."""
        known = self.__dict__.setdefault("_constraints", {})
        if field.instance_name not in known:
            options = self._meta.object_class._meta
            found, related = options.get_field(field.steps[0]), field.related
            query = related._meta.queryset.query
            known[field.instance_name] = (
                options.managed
                and found.db_constraint
                and found.related_model._meta.concrete_model
                is related._meta.object_class._meta.concrete_model
                and is_ours(type(related).get_object_list)
                and related.database == self.database
                and not (query.where or query.is_sliced or query.combinator)
                and len(query.alias_map) < 2
            )
        return known[field.instance_name]

    def leading_nowhere(self, bundle: Bundle) -> dict[str, list[str]]:
        """The errors of a bundle's relations whose keys no objects have, by field."""
        return {
            name: [str(self.fields[name].leads_nowhere(bundle.data.get(name)))]
            for name, related in bundle.related.items()
            if isinstance(related, Bundle)
            and related.key is not None
            and not self.fields[name].related.has_key(related.key, bundle.request)
        }

    @cached_property
    def has_plain_reading(self) -> bool:
        """Whether an object is what obj_get() here makes of its key."""
        names = ("obj_get", "get_via_uri", "kwargs_of_uri")
        return all(is_ours(getattr(type(self), name)) for name in names)

    def needs_key_alone(self, field: Any) -> bool:
        known = self.__dict__.setdefault("_keys_alone", {})
        if field.instance_name not in known:
            model = self._meta.object_class
            others = [each for each in self.fields.values() if each is not field]
            known[field.instance_name] = (
                field.related.key_reader(model, field.steps) is not None
                and is_ours(type(field))
                and not field.full
                and not self.has_own_methods
                and not self.has_dehydrate_hooks
                and all(isinstance(each.attribute, str | None) for each in others)
                and all(each.steps[:1] != field.steps for each in others)
            )
        return known[field.instance_name]

    def bundle_from_data(
        self, data: dict[str, Any], request: Any, parent: Any, back: str | None
    ) -> Bundle:
        """The bundle of a related object given as data: of the one that is there, by
        its URI, its key or a unique field; of a new one otherwise.
        """
        data = dict(data)
        obj, identified = self.existing(data, request)
        bundle = self.build_bundle(data=data, request=request)
        bundle.related_obj, bundle.related_name = parent, back
        if obj is None:
            if not self.can_create():
                raise ApiFieldError(
                    f"A {self._meta.resource_name} cannot be created here."
                )
            if identified and not set(data) - identified:
                raise ApiFieldError(f"There is no {self._meta.resource_name} by that.")
            bundle.is_new = True
            return self.full_hydrate(bundle)
        bundle.obj, bundle.is_new = obj, False
        bundle.sent = set(data) - identified
        bundle.shown = {name: data[name] for name in identified if name in data}
        before = state(obj)
        bundle = self.hydrate_m2m(self.full_hydrate(bundle))
        bundle.before = before
        bundle.via_uri = not self.has_changes(bundle, before)
        if not bundle.via_uri:
            if not self.can_update():
                raise ApiFieldError(
                    f"A {self._meta.resource_name} cannot be changed here."
                )
            original = self._meta.object_class._base_manager.using(self.database)
            unchanged = Bundle(obj=original.get(pk=obj.pk), request=request)
            self.authorized_update_detail(self.get_object_list(request), unchanged)
        return bundle

    def existing(self, data: dict[str, Any], request: Any) -> tuple[Any, set[str]]:
        """(the object that the data is of, or None; the names that say so)."""
        if isinstance(data.get("resource_uri"), str) and data["resource_uri"]:
            try:
                return self.get_via_uri(data["resource_uri"], request), {"resource_uri"}
            except NotFound as error:
                raise ApiFieldError(str(error)) from error
        pk = self._meta.object_class._meta.pk
        lookups: list[tuple[str, str]] = []
        for name in data:
            field = self.fields.get(name)
            steps = [] if field is None else field.steps
            if name == "pk" or steps in (["pk"], [pk.name]):
                lookups.insert(0, (name, "pk"))
            elif len(steps) == 1 and self.fields[name].unique:
                lookups.append((name, steps[0]))
        for name, lookup in lookups:
            if data[name] is None:
                continue
            try:
                bundle = self.build_bundle(request=request)
                return self.obj_get(bundle, **{lookup: data[name]}), {name}
            except MalformedKey as error:
                raise ApiFieldError(str(error)) from error
            except (NotFound, self._meta.object_class.DoesNotExist):
                if lookup == "pk":
                    return None, {name}
        return None, set()

    def has_changes(self, bundle: Bundle, before: dict[str, Any]) -> bool:
        if changed(bundle.obj, before):
            return True
        for name, related in bundle.related.items():
            each = related if isinstance(related, list) else [related]
            if any(not one.via_uri for one in each):
                return True
            if isinstance(related, list):
                manager = getattr(bundle.obj, self.fields[name].steps[0])
                keys = set(manager.values_list("pk", flat=True))
                if keys != {one.obj.pk for one in related}:
                    return True
        return False
