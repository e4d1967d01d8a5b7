"""When a ModelResource writes in a transaction, and what holds where there is none."""

import copy
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connections, models, router, transaction
from django.db.models.signals import post_save, pre_save

from ..bundle import Bundle
from ..fields.base import MISSING
from ..http import HttpNotImplemented
from ..resource.access import Access
from ..resource.cycles import Cycles
from ..resource.preconditions import Preconditions, wants_etag
from ..resource.retries import ATTEMPTS, ChangedMeanwhile, retried
from ..resource.undo import Changes

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
    return thing.__module__.startswith("nonrel_backend.rest.")


class Atomicity(Access, Preconditions):
    """All of a write or nothing, of an object that nobody else changes meanwhile."""

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
            or pre_save.has_listeners(model)
            or post_save.has_listeners(model)
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
