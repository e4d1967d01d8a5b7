"""How a ModelResource saves: the related, the object, its to-many relations."""

import copy
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from django.db import (
    IntegrityError,
    connections,
    models,
    router,
    transaction,
)
from django.db.models.signals import post_save, pre_save

from .access import Access
from .basefields import MISSING
from .bundle import Bundle
from .cycles import Cycles
from .etags import Preconditions, wants_etag
from .exceptions import BadRequest, SaveRefused
from .guards import guarded
from .http import HttpNotImplemented, HttpPreconditionFailed
from .related import objects
from .retries import ATTEMPTS, ChangedMeanwhile, retried
from .stored import as_stored
from .undo import Changes

# Values that are never changed in place.
UNCHANGEABLE = (str, int, float, type(None), date, time, timedelta, Decimal, UUID)
# The methods that a project may have replaced.
WRITING = (
    "obj_create", "obj_update", "save", "save_obj", "save_related", "save_m2m",
    "hydrate_m2m", "full_hydrate", "update_in_place",
)  # fmt: skip


def state(obj: models.Model) -> dict[str, Any]:
    """The values of an object's columns, as they are now."""
    found = {}
    for field in obj._meta.concrete_fields:
        value = obj.__dict__.get(field.attname, MISSING)
        fixed = value is MISSING or isinstance(value, UNCHANGEABLE)
        found[field.attname] = value if fixed else copy.deepcopy(value)
    return found


def changed(obj: models.Model, before: dict[str, Any]) -> set[str]:
    """The names of the columns that are others by now."""
    now = obj.__dict__
    return {
        name for name, value in before.items() if name in now and now[name] != value
    }


def is_ours(thing: Any) -> bool:
    """Whether a class or a function is of this package."""
    return thing.__module__.startswith(f"{__package__}.")


class Saving(Access, Preconditions):
    """What a ModelResource does to the database."""

    # --- transactions ---

    @property
    def database(self) -> str:
        """The alias of the database that is written to."""
        model = self._meta.object_class
        return self._meta.queryset._db or router.db_for_write(model)

    @property
    def has_transactions(self) -> bool:
        return bool(connections[self.database].features.supports_transactions)

    def all_or_nothing(self, work: Any, request: Any, data: Any = None) -> Any:
        """In a transaction; tried again where another one was in the way. Where the
        store has none, what was written is undone.
        """
        if not self.has_transactions:
            with_log = super().all_or_nothing
            return retried(lambda: with_log(work, request, data), on=ChangedMeanwhile)
        if self.is_one_write(request, data):
            return retried(
                lambda: work(Changes(self, keeps=False)), on=ChangedMeanwhile
            )

        def run():
            with transaction.atomic(using=self.database):
                return work(Changes(self, keeps=False))

        nested = connections[self.database].in_atomic_block
        return retried(run, attempts=1 if nested else ATTEMPTS)

    def is_one_write(self, request: Any, data: dict[str, Any] | None) -> bool:
        """Whether one INSERT or UPDATE stores the data, which depends on nothing that
        was read: all or nothing without a transaction.
        """
        if (
            data is None
            or wants_etag(request)
            or self._meta.require_if_match
            or self._meta.version_field
            or self._meta.object_class._meta.parents
            or self.has_own_writes
        ):
            return False
        for name, value in data.items():
            field = self.fields.get(name)
            if "." in name or isinstance(value, dict) and field and field.is_related:
                return False
            if field is not None and field.is_m2m:
                return False
        return True

    @property
    def has_own_writes(self) -> bool:
        """Whether a method of the project's may write more than the data says."""
        model = self._meta.object_class
        return (
            self.has_own_methods
            or model.save is not models.Model.save
            or any(signal.has_listeners(model) for signal in (pre_save, post_save))
        )

    @cached_property
    def has_own_methods(self) -> bool:
        """Whether the project has replaced one of the methods that write."""
        hydrates = [type(field).hydrate for field in self.fields.values()]
        cls: Any = type(self)
        methods = [getattr(cls, name) for name in WRITING]
        return (
            cls.hydrate is not Cycles.hydrate
            or bool(self.hooks("hydrate"))
            or not all(map(is_ours, [*hydrates, *methods]))
        )

    def state_before(self, bundle: Bundle) -> dict[str, Any]:
        """What the object has before it is changed, as far as that decides what is
        written: of a PATCH that nothing of the project's takes part in, what was sent.
        All of it where it may have to be put back.
        """
        meta = self._meta
        kinds = [type(meta.validation), type(meta.authorization)]
        if bundle.changes is not None and bundle.changes.keeps:
            return state(bundle.obj)
        if bundle.sent is not None and (
            self.has_own_writes or not all(map(is_ours, kinds))
        ):
            return state(bundle.obj)
        name = meta.version_field
        return {name: getattr(bundle.obj, name)} if name else {}

    def check_items(self, request: Any, items: list) -> None:
        if not self.has_transactions:
            super().check_items(request, items)

    def obj_get_locked(self, bundle: Bundle, **kwargs) -> Any:
        obj = super().obj_get_locked(bundle, **kwargs)
        if not self.has_transactions:
            if bundle.request.method == "DELETE":
                self.demand_version(bundle, "be deleted")
            return obj
        if connections[self.database].features.has_select_for_update:
            manager = type(obj)._base_manager.using(self.database)
            # Only the lock; then what it protects is read.
            list(manager.filter(pk=obj.pk).select_for_update().values_list("pk"))
            obj = super().obj_get_locked(bundle, **kwargs)
        return obj

    def demand_version(self, bundle: Bundle, what: str) -> None:
        """501 where the store cannot compare and set without a version field."""
        if self._meta.version_field or not wants_etag(bundle.request):
            return
        text = (
            f"This store has no transactions: an object can {what} by its ETag only "
            "where Meta.version_field names a field."
        )
        self.refuse(bundle.request, HttpNotImplemented, text)

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
        obj = bundle.obj
        try:
            if before is None:
                self.insert(bundle)
                return
            fields = self.columns_to_write(bundle, before)
            kept = partial(self.keep, bundle, before)
            with guarded(obj, self.guard(bundle, before), kept):
                if fields is None:
                    obj.save(force_update=True, using=self.database)
                elif fields:
                    obj.save(update_fields=fields, using=self.database)
        except IntegrityError as error:
            raise SaveRefused(self, obj) from error
        except ChangedMeanwhile:
            self.lost(bundle)

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
        options = bundle.obj._meta
        names = changed(bundle.obj, before)
        for name in bundle.sent:
            field = self.fields.get(name)
            if field is not None and not field.is_m2m and len(field.steps) > 0:
                names.add(field.steps[0])
        found = [
            field.name
            for field in options.concrete_fields
            if not field.primary_key
            and not field.generated
            and (
                field.name in names
                or field.attname in names
                or getattr(field, "auto_now", False)
            )
        ]
        return found

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
            with guarded(obj, self.guard(bundle, before), kept):
                obj.save_base(update_fields=[name], using=self.database, raw=True)
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
