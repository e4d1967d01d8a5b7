"""How a ModelResource saves: the related, the object, its to-many relations."""

import copy
from functools import cache, partial
from typing import Any

from django.db import IntegrityError

from ..bundle import Bundle
from ..exceptions import BadRequest, SaveRefused
from ..fields.related import objects
from ..http import HttpPreconditionFailed
from ..resource.retries import ChangedMeanwhile
from ..resource.undo import Changes
from .stored import as_stored
from .transactions import Atomicity, changed, state
from .updates import guarded, saves_plainly, update_row


@cache
def updatable_columns(model: Any) -> list[tuple[str, str, bool]]:
    """(name, attribute, whether each UPDATE sets it) of what an UPDATE may set."""
    return [
        (field.name, field.attname, getattr(field, "auto_now", False))
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.generated)
        and field not in model._meta.pk_fields
    ]


class Saving(Atomicity):
    """What a ModelResource does to the database."""

    # --- the object ---

    def save(self, bundle: Bundle, before: dict[str, Any] | None = None) -> Bundle:
        """Save a hydrated bundle and all that came with it. `before` is the state of
        an object that is there.
        """
        self.check_valid(bundle)
        self.may("create" if before is None else "update", bundle)
        bundle = self.hydrate_m2m(bundle)
        many = any(isinstance(each, list) for each in bundle.related.values())
        if bundle.expected is not None and many and not self.has_transactions:
            self.demand_version(bundle, "change what it relates to")
        self.save_related(bundle)
        self.save_obj(bundle, before)
        bundle.objects_saved.add(self.create_identifier(bundle.obj))
        self.save_m2m(bundle)
        return bundle

    def create_identifier(self, obj: Any) -> tuple:
        return type(obj), obj.pk

    def may(self, action: str, bundle: Bundle) -> None:
        """Ask the authorization about an action on one of all objects."""
        if not self.allows_all(action):
            authorized = getattr(self, f"authorized_{action}_detail")
            authorized(self.get_object_list(bundle.request), bundle)

    def save_obj(self, bundle: Bundle, before: dict[str, Any] | None) -> None:
        try:
            if before is None:
                self.insert(bundle)
                return
            fields = self.columns_to_write(bundle, before)
            if fields != []:
                self.write_columns(bundle, before, fields)
        except IntegrityError as error:
            raise SaveRefused(self, bundle) from error
        except ChangedMeanwhile:
            self.lost(bundle)

    def write_columns(
        self, bundle: Bundle, before: dict[str, Any], fields: list[str] | None
    ) -> None:
        """UPDATE these columns, all of them where none are named."""
        obj, seen = bundle.obj, self.guard(bundle, before)
        model: Any = type(obj)
        plain = model is self._meta.object_class and saves_plainly(model)
        if fields and plain and not (seen or bundle.related or self.has_own_writes):
            update_row(obj, fields, self.database)
            self.keep(bundle, before)
            return
        how = {"update_fields": fields} if fields else {"force_update": True}
        save = partial(obj.save, using=self.database, **how)
        guarded(save, obj, seen, partial(self.keep, bundle, before))

    def remember(self, request: Any, changes: Changes, **lookup) -> None:
        """Nothing: what is changed is kept when it is."""

    def keep(self, bundle: Bundle, before: dict[str, Any]) -> None:
        """Keep an object that was changed as it was."""
        if bundle.changes is not None and bundle.changes.keeps:
            old = copy.copy(bundle.obj)
            vars(old).update(before)
            bundle.changes.remember(old, self)

    def insert(self, bundle: Bundle) -> None:
        try:
            bundle.obj.save(force_insert=True, using=self.database)
        finally:
            # A signal may fail when it is stored already.
            if bundle.changes is not None and not bundle.obj._state.adding:
                bundle.changes.created(bundle, self)

    def columns_to_write(
        self, bundle: Bundle, before: dict[str, Any]
    ) -> list[str] | None:
        """The fields of an UPDATE: all for PUT; for PATCH what was sent, what a hook
        changed, and what keeps the time of the last change.
        """
        self.next_version(bundle.obj, before)
        if bundle.sent is None:
            return None
        names = changed(bundle.obj, before)
        model: Any = type(bundle.obj)
        for name in bundle.sent:
            field = self.fields.get(name)
            if field is not None and not field.is_m2m and len(field.steps) > 0:
                names.add(field.steps[0])
        return [
            name
            for name, attname, always in updatable_columns(model)
            if always or name in names or attname in names
        ]

    def next_version(self, obj: Any, before: dict[str, Any]) -> None:
        name = self._meta.version_field
        if name and isinstance(before.get(name), int):
            setattr(obj, name, before[name] + 1)

    def guard(self, bundle: Bundle, before: dict[str, Any]) -> dict[str, Any]:
        """The columns that must still be as they were seen, for the write to happen:
        compare and set at the store. Where a transaction holds the object, none.
        """
        name = self._meta.version_field
        seen = before if bundle.expected is None else state(bundle.expected)
        if name:
            return {name: seen[name]}
        if bundle.expected is None or self.has_transactions:
            return {}
        return seen

    def claim(self, bundle: Bundle, before: dict[str, Any]) -> None:
        """Change the version of an object that is about to be deleted."""
        obj, (name,) = bundle.obj, self.guard(bundle, before)
        self.next_version(obj, before)
        setattr(obj, name, obj._meta.get_field(name).pre_save(obj, False))
        try:
            kept = partial(self.keep, bundle, before)
            save = partial(
                obj.save_base, update_fields=[name], using=self.database, raw=True
            )
            guarded(save, obj, self.guard(bundle, before), kept)
        except ChangedMeanwhile:
            self.lost(bundle)

    def lost(self, bundle: Bundle) -> None:
        """Another writer was faster: 412 for who said what was seen; who did not
        tries again.
        """
        if bundle.expected is None:
            raise ChangedMeanwhile("The object was changed meanwhile.")
        text = "The object is not the one that you have seen: read it again."
        self.refuse(bundle.request, HttpPreconditionFailed, text)

    def as_stored(self, obj: Any) -> Any:
        return as_stored(obj, self.database)

    # --- what is related ---

    def save_related(self, bundle: Bundle) -> None:
        """Save the to-one relations that came as data, before the object."""
        for name, related in bundle.related.items():
            field = self.fields[name]
            if isinstance(related, Bundle) and not related.via_uri:
                field.related.save_nested(related, bundle.changes)
            if (
                isinstance(related, Bundle)
                and related.key is None
                and len(field.steps) == 1
            ):
                # Its key is known now.
                setattr(bundle.obj, field.steps[0], related.obj)

    def save_nested(self, bundle: Bundle, changes: Changes | None = None) -> None:
        """Save what came as data within another's, whose log is `changes`."""
        bundle.changes = changes
        self.save(bundle, bundle.before)

    def save_m2m(self, bundle: Bundle) -> None:
        """Save the to-many relations: what came as data, then who belongs to it."""
        for name, related in bundle.related.items():
            field = self.fields[name]
            if not isinstance(related, list) or len(field.steps) != 1:
                continue
            manager = getattr(bundle.obj, field.steps[0])
            if not hasattr(manager, "set"):
                continue
            back = field.back_name(bundle.obj)
            for each in related:
                if not each.via_uri:
                    field.related.save_nested(each, bundle.changes)
                elif back is not None and bundle.changes is not None:
                    # Who belongs to whom is a column of theirs.
                    bundle.changes.remember(each.obj, field.related)
            kept = [each.obj for each in related]
            self.set_related(field, manager, kept, back)
            getattr(bundle.obj, "_prefetched_objects_cache", {}).clear()

    def set_related(
        self, field: Any, manager: Any, kept: list, back: str | None
    ) -> None:
        """Have the relation lead to these objects, and to no others."""
        if hasattr(manager, "remove") or back is None:
            manager.set(kept)
            return
        # The others cannot be without their one: they go.
        resource, keys = field.related, {each.pk for each in kept}
        for other in objects(manager):
            if other.pk in keys:
                continue
            if not resource.can_delete():
                raise BadRequest(
                    f"The '{field.instance_name}' field leaves out {other.pk!r}, which "
                    "can be without no other and may not be deleted here."
                )
            bundle = Bundle(obj=other)
            resource.authorized_delete_detail(
                resource.get_object_list(bundle.request), bundle
            )
            other.delete()
        manager.add(*kept)

    # --- taking it back ---

    def rollback(self, bundles: list[Bundle]) -> None:
        """Delete what the bundles have created."""
        for bundle in bundles:
            if bundle.obj is not None and bundle.obj.pk is not None:
                manager = type(bundle.obj)._base_manager.using(self.database)
                manager.filter(pk=bundle.obj.pk).delete()

    def image(self, obj: Any) -> Any:
        """The object, and what its to-many relations lead to."""
        related = {}
        for field in self.fields.values():
            if field.is_m2m and len(field.steps) == 1 and not field.readonly:
                manager = getattr(obj, field.steps[0])
                related[field.steps[0]] = list(objects(manager))
        return copy.copy(obj), related

    def restore(self, image: Any) -> None:
        """Store an object as it was, and what its to-many relations led to."""
        obj, related = image
        obj.save_base(raw=True, using=self.database)
        for name, others in related.items():
            manager = getattr(obj, name)
            if hasattr(manager, "through"):
                manager.set(others)
                continue
            for other in others:
                other.save_base(raw=True, using=self.database)
