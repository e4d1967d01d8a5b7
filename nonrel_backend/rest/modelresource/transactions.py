"""ModelTransactions: a request's changes in one transaction, if the store has them."""

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connections, models, transaction
from django.db.models.signals import post_save, pre_save
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..http import HttpNotImplemented
from ..resource.preconditions import Preconditions, is_conditional
from ..resource.retries import ATTEMPTS, ChangedMeanwhile, retried
from ..resource.transactions import Transactions, Work
from ..resource.undo import Changes
from .state import is_ours, state

if TYPE_CHECKING:
    from .resource import ModelResource

# The methods that write, which a project may override.
WRITING = (
    "obj_create", "obj_update", "save", "save_related", "save_m2m", "hydrate_m2m",
    "full_hydrate", "update_in_place",
)  # fmt: skip


class ModelTransactions(Transactions):
    """The transactions of a ModelResource."""

    resource: "ModelResource"

    @property
    def are_supported(self) -> bool:
        """Whether the store has transactions. Connect, to know it of the server."""
        connection = connections[self.resource.database]
        connection.ensure_connection()
        return bool(connection.features.supports_transactions)

    def all_or_nothing(
        self, work: Work, request: HttpRequest, data: dict[str, Any] | None = None
    ) -> Any:
        """Return work(changes), in a transaction if it needs one. Retry conflicting
        writes. Without transactions, undo what was written if it fails.
        """
        if not self.are_supported:
            with_log = super().all_or_nothing
            return retried(lambda: with_log(work, request, data), on=ChangedMeanwhile)
        database = self.resource.database
        # A write that fails within another transaction, such as the one of
        # ATOMIC_REQUESTS, must leave it usable: it needs a savepoint.
        nested = connections[database].in_atomic_block
        if not nested and self.is_single_write(request, data):
            return retried(lambda: self.without_log(work), on=ChangedMeanwhile)

        def run() -> Any:
            return self.without_log(work, transaction.atomic(using=database))

        return retried(run, attempts=1 if nested else ATTEMPTS)

    def without_log(self, work: Work, context: Any = None) -> Any:
        """Return work(changes) within a context. If it fails, delete the files that it
        stored: all else is the database's.
        """
        changes = Changes(self.resource, records=False)
        try:
            with context or nullcontext():
                return work(changes)
        except BaseException:
            changes.discard_files()
            raise

    def is_single_write(
        self, request: HttpRequest, data: dict[str, Any] | None
    ) -> bool:
        """Return whether one INSERT or UPDATE, which depends on nothing that was read,
        stores the data. It needs no transaction.
        """
        meta = self.resource._meta
        if (
            data is None
            or is_conditional(request)
            or meta.require_if_match
            or meta.version_field
            or meta.object_class._meta.parents
            or self.has_own_writes
        ):
            return False
        for name, value in data.items():
            field = self.resource.fields.get(name)
            if "." in name:
                return False
            if field is not None and field.is_related:
                if name in self.resource.members.names or isinstance(value, dict):
                    return False
        return True

    @property
    def has_own_writes(self) -> bool:
        """Whether a method or a signal of the project may write more than the data."""
        model = self.resource._meta.object_class
        return (
            self.has_own_methods
            or model.save is not models.Model.save
            or model.clean is not models.Model.clean
            or pre_save.has_listeners(model)
            or post_save.has_listeners(model)
        )

    @cached_property
    def has_own_methods(self) -> bool:
        """Whether the project overrides one of the methods that write."""
        resource = self.resource
        hydrates = [type(field).hydrate for field in resource.fields.values()]
        methods = [getattr(type(resource), name) for name in WRITING]
        return resource.cycles.has_hydrate_hooks or not all(
            map(is_ours, [*hydrates, *methods])
        )

    def state_before(self, bundle: Bundle) -> dict[str, Any]:
        """Return the state of the object before it is changed, as far as columns to
        write and conditions depend on it.

        For a PATCH that no code of the project takes part in, that is what was sent. It
        is all columns if the change may have to be undone.
        """
        meta = self.resource._meta
        kinds = [type(meta.validation), type(meta.authorization)]
        if bundle.changes is not None and bundle.changes.records:
            return state(bundle.obj)
        if bundle.sent is not None and (
            self.has_own_writes
            or not all(map(is_ours, kinds))
            or not self.sets_columns(bundle.sent)
        ):
            return state(bundle.obj)
        name = meta.version_field
        return {name: getattr(bundle.obj, name)} if name else {}

    def sets_columns(self, names: set[str]) -> bool:
        """Return whether each of the fields sets the column of its attribute, and not
        others, as a property or a generic foreign key may.
        """
        columns = attributes_of_columns(self.resource._meta.object_class)
        fields = [self.resource.fields.get(name) for name in names]
        return all(
            field.is_m2m or not field.steps or field.steps[0] in columns
            for field in fields
            if field is not None
        )

    def check_items(
        self, request: HttpRequest, name: str, items: list[dict[str, Any]]
    ) -> None:
        if not self.are_supported:
            super().check_items(request, name, items)

    def remember(
        self, request: HttpRequest, changes: Changes, lookup: dict[str, Any]
    ) -> None:
        """Do nothing: saving logs what it changes."""

    def image(self, obj: Any) -> Any:
        return self.resource.saving.image(obj)

    def restore(self, image: Any) -> None:
        self.resource.saving.restore(image)


@cache
def attributes_of_columns(model: Any) -> set[str]:
    """Return the names and the attributes of a model's columns."""
    fields = model._meta.concrete_fields
    return {name for each in fields for name in (each.name, each.attname)}


class ModelPreconditions(Preconditions):
    """The preconditions of a ModelResource."""

    resource: "ModelResource"

    def obj_get_locked(self, bundle: Bundle, lookup: dict[str, Any]) -> Any:
        obj = super().obj_get_locked(bundle, lookup)
        resource = self.resource
        if not resource.transactions.are_supported:
            if bundle.request.method == "DELETE":
                self.require_version(bundle, gettext("be deleted"))
            return obj
        if connections[resource.database].features.has_select_for_update:
            manager = type(obj)._base_manager.using(resource.database)
            # Lock the row, then read what the lock protects.
            list(manager.filter(pk=obj.pk).select_for_update().values_list("pk"))
            obj = super().obj_get_locked(bundle, lookup)
        return obj

    def require_version(self, bundle: Bundle, action: str) -> None:
        """Respond with 501 if a conditional write needs Meta.version_field, since the
        store has no transactions.
        """
        if self.resource._meta.version_field or not is_conditional(bundle.request):
            return
        text = gettext(
            "This store has no transactions: an object can %(action)s by "
            "its ETag only if Meta.version_field names a field."
        ) % {"action": action}
        self.resource.reject(bundle.request, HttpNotImplemented, text)
