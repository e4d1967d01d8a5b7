"""Members: the relations that other rows store, which are written after the object.

These are the to-many relations, and the reverse of a OneToOneField.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import BadRequest
from ..fields.related import RelatedField, objects
from .relations import related_resource

if TYPE_CHECKING:
    from .resource import ModelResource


class Members:
    """Which objects belong to the relations of a ModelResource's objects."""

    def __init__(self, resource: "ModelResource") -> None:
        self.resource = resource

    @cached_property
    def names(self) -> set[str]:
        """The fields of these relations."""
        stored_by = self.resource.relations.stored_by
        return {
            name
            for name, field in self.resource.fields.items()
            if isinstance(field, RelatedField)
            and (field.is_m2m or stored_by(field) is not None)
        }

    def save(self, bundle: Bundle) -> None:
        """Save the objects that were given as data, then which objects belong to the
        relations.
        """
        for name, related in bundle.related.items():
            field = self.resource.relations.field(name)
            stored_by = self.resource.relations.stored_by(field)
            if stored_by is not None:
                self.save_one(bundle, field, related, stored_by)
            elif isinstance(related, list) and len(field.steps) == 1:
                self.save_many(bundle, field, related)

    # --- to many objects ---

    def save_many(
        self, bundle: Bundle, field: RelatedField, related: list[Bundle]
    ) -> None:
        """Save a to-many relation."""
        manager = getattr(bundle.obj, field.steps[0])
        if not hasattr(manager, "set"):
            return
        back, resource = field.back_name(bundle.obj), related_resource(field)
        for each in related:
            if not each.via_uri:
                resource.saving.save_nested(each, bundle.changes)
            elif back is not None:
                self.check_joins(resource, each, bundle, back)
        members = [each.obj for each in related]
        if back is None:
            # Objects that this user may not read stay.
            manager.set([*members, *self.hidden(field, bundle)])
        else:
            shown = self.shown(field, bundle)
            self.leave_out_all(field, manager, less(shown, members), bundle)
            manager.add(*less(members, shown))
        resource.forget_all()
        getattr(bundle.obj, "_prefetched_objects_cache", {}).clear()

    def stored_members(self, field: RelatedField, bundle: Bundle) -> Any:
        """Return a queryset of the stored objects of a to-many relation."""
        manager = getattr(bundle.obj, field.steps[0])
        return manager.get_queryset() if hasattr(manager, "get_queryset") else manager

    def readable(self, field: RelatedField, stored: Any, bundle: Bundle) -> Any:
        """Return those of the stored objects that the user may read; `stored` itself if
        none are hidden.
        """
        if not field.hides_from(bundle.request):
            return stored
        return field.related.relations.readable_members(stored, bundle.request)

    def shown(self, field: RelatedField, bundle: Bundle) -> list[Any]:
        """Return the stored objects of a to-many relation that the user may read."""
        stored = self.stored_members(field, bundle)
        return list(objects(self.readable(field, stored, bundle)))

    def hidden(self, field: RelatedField, bundle: Bundle) -> list[Any]:
        """Return the stored objects of a to-many relation that the user may not
        read.
        """
        stored = self.stored_members(field, bundle)
        readable = self.readable(field, stored, bundle)
        return [] if readable is stored else less(stored, readable)

    def leave_out_all(
        self, field: RelatedField, manager: Any, others: list[Any], bundle: Bundle
    ) -> None:
        """Take objects out of a to-many relation."""
        if not hasattr(manager, "remove"):  # they require the relation
            for other in others:
                self.leave_out(field, other, bundle, may_be_null=False)
            return
        for other in others:
            self.check_update(related_resource(field), other, bundle)
        manager.remove(*others)

    # --- to one object ---

    def save_one(
        self, bundle: Bundle, field: RelatedField, related: Bundle | None, column: Any
    ) -> None:
        """Save the reverse of a OneToOneField, `column`."""
        obj, resource = bundle.obj, related_resource(field)
        old = None if bundle.is_new else self.stored(obj, column)
        if related is not None and related.via_uri:
            self.check_joins(resource, related, bundle, column.name)
        if old is not None and (related is None or old.pk != related.obj.pk):
            self.leave_out(field, old, bundle, column.null)
        if related is not None:
            setattr(related.obj, column.name, obj)
            if not related.via_uri:
                resource.saving.save_nested(related, bundle.changes)
            else:
                related.obj.save(update_fields=[column.name], using=resource.database)
        obj._state.fields_cache.pop(column.remote_field.cache_name, None)
        resource.forget_all()

    def stored(self, obj: Any, column: Any) -> Any:
        """Return the object whose OneToOneField leads to an object, or None."""
        manager = column.model._base_manager.using(self.resource.database)
        return manager.filter(**{column.name: obj}).first()

    # --- what a related object's own resource allows ---

    def check_joins(
        self, resource: "ModelResource", member: Bundle, bundle: Bundle, back: str
    ) -> None:
        """Log a related object that was given by its URI. Raise an error if its
        relation changes and the user may not change it.
        """
        obj = member.obj
        column = obj._meta.get_field(back)
        (own, target), *_ = column.related_fields
        if getattr(obj, own.attname) == getattr(bundle.obj, target.attname):
            return
        if column.primary_key:
            raise BadRequest(
                gettext(
                    "%(pk)r cannot be moved: its relation is its key. Send its data."
                )
                % {"pk": obj.pk}
            )
        self.check_update(resource, obj, bundle)
        if bundle.changes is not None:
            bundle.changes.remember(obj, resource)

    def check_update(self, resource: "ModelResource", obj: Any, bundle: Bundle) -> None:
        """Raise an error unless the user may change a related object."""
        resource.saving.authorize("update", Bundle(obj=obj, request=bundle.request))

    def leave_out(
        self, field: RelatedField, other: Any, bundle: Bundle, may_be_null: bool
    ) -> None:
        """Take an object out of a relation: delete it if it requires the relation."""
        resource = related_resource(field)
        name = field.back_name(bundle.obj)
        if may_be_null and name is not None:
            self.check_update(resource, other, bundle)
            setattr(other, name, None)
            other.save(update_fields=[name], using=resource.database)
            return
        if not resource.can_delete():
            raise BadRequest(
                gettext(
                    "The '%(field)s' field leaves out %(pk)r, which requires its "
                    "relation and may not be deleted."
                )
                % {"field": field.instance_name, "pk": other.pk}
            )
        resource.saving.authorize("delete", Bundle(obj=other, request=bundle.request))
        other.delete(using=resource.database)

    # --- undo ---

    def image(self, obj: Any) -> dict[str, list[Any]]:
        """Return the members of an object's relations, by the names of the model's."""
        found: dict[str, list[Any]] = {}
        for field in self.resource.fields.values():
            if not field.is_related or len(field.steps) != 1 or field.readonly:
                continue
            (name,) = field.steps
            column = self.resource.relations.stored_by(field)
            if column is not None:
                stored = self.stored(obj, column)
                found[name] = [] if stored is None else [stored]
            elif field.is_m2m:
                found[name] = list(objects(getattr(obj, name)))
        return found

    def restore(self, obj: Any, image: dict[str, list[Any]]) -> None:
        """Store the members of an object's relations as they were."""
        for name, members in image.items():
            manager: Any = getattr(obj, name, None)
            if hasattr(manager, "through"):
                manager.set(members)
                continue
            for member in members:
                member.save_base(raw=True, using=self.resource.database)


def less(members: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Return the objects that are not among the others."""
    keys = {each.pk for each in others}
    return [each for each in members if each.pk not in keys]
