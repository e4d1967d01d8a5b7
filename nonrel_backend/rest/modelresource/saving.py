"""Saving: an object of a model, what it relates to, and how this is undone."""

import copy
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.db import IntegrityError
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import BadRequest, SaveRejected
from ..http import HttpPreconditionFailed
from ..resource.preconditions import CHANGED
from ..resource.retries import ChangedMeanwhile
from ..resource.undo import Changes, discard
from ..resource.uris import is_unreachable
from .state import changed, state
from .updates import conditional_save, saves_plainly, update_row
from .uploads import new_files

if TYPE_CHECKING:
    from .resource import ModelResource


@cache
def updatable_columns(model: Any) -> list[tuple[str, str, bool]]:
    """Return (name, attribute, whether each UPDATE sets it) of the columns that an
    UPDATE may set.
    """
    return [
        (field.name, field.attname, getattr(field, "auto_now", False))
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.generated)
        and field not in model._meta.pk_fields
    ]


class Saving:
    """How a ModelResource writes to the database."""

    def __init__(self, resource: "ModelResource") -> None:
        self.resource = resource

    # --- the object ---

    def save(self, bundle: Bundle, before: dict[str, Any] | None) -> Bundle:
        """Save a hydrated bundle and its related objects.

        `before` is the state of an existing object; None for a new one.
        """
        resource = self.resource
        resource.check_valid(bundle)
        self.authorize("create" if before is None else "update", bundle)
        bundle = resource.hydrate_m2m(bundle)
        many = not resource.members.names.isdisjoint(bundle.related)
        if (
            bundle.expected is not None
            and many
            and not resource.transactions.are_supported
        ):
            resource.preconditions.require_version(
                bundle, gettext("change its relations")
            )
        resource.save_related(bundle)
        self.save_object(bundle, before)
        if before is not None and many:
            self.log(bundle, before)  # also if no column of the object was written
        bundle.objects_saved.add(resource.create_identifier(bundle.obj))
        resource.save_m2m(bundle)
        return bundle

    def authorize(self, action: str, bundle: Bundle) -> None:
        """Ask the authorization about an action on the bundle's object."""
        resource = self.resource
        if not resource.allows_all(action):
            authorized = getattr(resource, f"authorized_{action}_detail")
            authorized(resource.get_object_list(bundle.request), bundle)

    def save_object(self, bundle: Bundle, before: dict[str, Any] | None) -> None:
        """INSERT or UPDATE the object. Delete its new files if that fails."""
        changes, files = bundle.changes, new_files(bundle.obj)
        try:
            self.write_object(bundle, before)
        except BaseException:
            if changes is None:
                discard(files)
            raise
        finally:
            if changes is not None:
                changes.files += files

    def write_object(self, bundle: Bundle, before: dict[str, Any] | None) -> None:
        """INSERT or UPDATE the object."""
        try:
            if before is None:
                self.insert(bundle)
                return
            fields = self.columns_to_write(bundle, before)
            if fields != []:
                self.update(bundle, before, fields)
        except IntegrityError as error:
            raise SaveRejected(self.resource, bundle) from error
        except ChangedMeanwhile:
            self.handle_conflict(bundle)

    def insert(self, bundle: Bundle) -> None:
        """INSERT the object, and log it. Raise BadRequest for a key that no URI can
        have.
        """
        if is_unreachable(self.resource.keys.of(bundle.obj)):
            raise BadRequest(
                gettext("The key %(value)r cannot be in a URI.")
                % {"value": self.resource.keys.of(bundle.obj)}
            )
        try:
            bundle.obj.save(force_insert=True, using=self.resource.database)
        finally:
            # A signal may fail after the object was stored.
            if bundle.changes is not None and not bundle.obj._state.adding:
                bundle.changes.created(bundle, self.resource)

    def update(
        self, bundle: Bundle, before: dict[str, Any], fields: list[str] | None
    ) -> None:
        """UPDATE these fields; all if `fields` is None."""
        obj, seen = bundle.obj, self.condition(bundle, before)
        resource, model = self.resource, type(bundle.obj)
        plain = model is resource._meta.object_class and saves_plainly(model)
        own = resource.transactions.has_own_writes
        if fields and plain and not (bundle.related or own):
            update_row(obj, fields, resource.database, seen)
            self.log(bundle, before)
            return
        options = {"update_fields": fields} if fields else {"force_update": True}
        save = partial(obj.save, using=resource.database, **options)
        conditional_save(save, obj, seen, partial(self.log, bundle, before))

    def columns_to_write(
        self, bundle: Bundle, before: dict[str, Any]
    ) -> list[str] | None:
        """Return the fields to UPDATE; None for all.

        A PUT writes all. A PATCH writes what was sent, what a hook has changed, and
        fields with auto_now.
        """
        self.set_next_version(bundle.obj, before)
        if bundle.sent is None:
            return None
        names = changed(bundle.obj, before)
        model: Any = type(bundle.obj)
        for name in bundle.sent:
            field = self.resource.fields.get(name)
            if field is not None and not field.is_m2m and len(field.steps) > 0:
                names.add(field.steps[0])
        return [
            name
            for name, attname, always in updatable_columns(model)
            if always or name in names or attname in names
        ]

    def set_next_version(self, obj: Any, before: dict[str, Any]) -> None:
        """Increment the version field if it is a number."""
        name = self.resource._meta.version_field
        if name and isinstance(before.get(name), int):
            setattr(obj, name, before[name] + 1)

    def condition(self, bundle: Bundle, before: dict[str, Any]) -> dict[str, Any]:
        """Return the columns that must still have their values for the UPDATE to
        happen; none if a transaction has locked the object.
        """
        name = self.resource._meta.version_field
        seen = before if bundle.expected is None else state(bundle.expected)
        if name:
            return {name: seen[name]}
        if bundle.expected is None or self.resource.transactions.are_supported:
            return {}
        return seen

    def claim(self, bundle: Bundle, before: dict[str, Any]) -> None:
        """Change the version of an object that is about to be deleted."""
        obj, database = bundle.obj, self.resource.database
        condition = self.condition(bundle, before)
        (name,) = condition
        self.set_next_version(obj, before)
        setattr(obj, name, obj._meta.get_field(name).pre_save(obj, False))
        save = partial(obj.save_base, update_fields=[name], using=database, raw=True)
        try:
            conditional_save(save, obj, condition, partial(self.log, bundle, before))
        except ChangedMeanwhile:
            self.handle_conflict(bundle)

    def handle_conflict(self, bundle: Bundle) -> NoReturn:
        """Respond with 412 if the write was conditional. Raise ChangedMeanwhile
        otherwise, so that it is retried.
        """
        if bundle.expected is None:
            raise ChangedMeanwhile("The object was changed by another request.")
        self.resource.reject(bundle.request, HttpPreconditionFailed, CHANGED)

    # --- related objects ---

    def save_related(self, bundle: Bundle) -> None:
        """Save the to-one relations that were given as data, before the object."""
        for name, related in bundle.related.items():
            if name in self.resource.members.names:
                continue
            field = self.resource.relations.field(name)
            if isinstance(related, Bundle) and not related.via_uri:
                resource = cast(
                    "ModelResource", field.get_related_resource(related.obj)
                )
                resource.saving.save_nested(related, bundle.changes)
            if (
                isinstance(related, Bundle)
                and related.key is None
                and len(field.steps) == 1
            ):
                # Set it again, now that its key is known.
                setattr(bundle.obj, field.steps[0], related.obj)

    def save_nested(self, bundle: Bundle, changes: Changes | None) -> None:
        """Save a bundle whose data was within another one's, with the log of that."""
        bundle.changes = changes
        self.resource.save(bundle, bundle.before)
        self.resource.forget_all()

    # --- deletion ---

    def delete_all(self, objects: Any, bundle: Bundle) -> None:
        """Delete the objects that the authorization allows to."""
        resource = self.resource
        resource.filtering.check_executable(bundle.request, objects)
        objects = resource.authorized_delete_list(objects, bundle)
        if bundle.changes is not None and bundle.changes.records:
            for obj in objects:
                bundle.changes.remember(obj)
        if hasattr(objects, "delete"):
            objects.delete()
        else:
            for obj in objects:
                obj.delete(using=resource.database)

    # --- undo ---

    def log(self, bundle: Bundle, before: dict[str, Any]) -> None:
        """Log an object that was changed, with its state before."""
        if bundle.changes is not None and bundle.changes.records:
            old = copy.copy(bundle.obj)
            vars(old).update(before)
            bundle.changes.remember(old, self.resource)

    def rollback(self, bundles: list[Bundle]) -> None:
        """Delete the objects that the bundles created."""
        for bundle in bundles:
            if bundle.obj is not None and bundle.obj.pk is not None:
                manager = type(bundle.obj)._base_manager.using(self.resource.database)
                manager.filter(pk=bundle.obj.pk).delete()

    def image(self, obj: Any) -> tuple[Any, dict[str, list[Any]]]:
        """Return a copy of the object, and the members of its relations."""
        return copy.copy(obj), self.resource.members.image(obj)

    def restore(self, image: tuple[Any, dict[str, list[Any]]]) -> None:
        """Store an object and the members of its relations as they were."""
        obj, related = image
        database = self.resource.database
        obj.save_base(raw=True, using=database)
        self.resource.members.restore(obj, related)
