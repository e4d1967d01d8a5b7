"""System checks of a MongoDB connection: what its server does not do itself."""

from typing import Any

from django.apps import apps
from django.core import checks
from django.db import router
from django.db.backends.base.validation import BaseDatabaseValidation
from django.db.models import UniqueConstraint

from .hidden_keys import HIDDEN

NO_TRANSACTIONS = (
    "The MongoDB server of {alias!r} is standalone: atomic() cannot roll back, and "
    "every statement is committed on its own."
)


class DatabaseValidation(BaseDatabaseValidation):
    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Warn of a server without transactions, and of constraints by hidden keys."""
        return [
            *super().check(**kwargs),
            *self.check_transactions(),
            *self.check_constraints(),
        ]

    def check_constraints(self) -> list[checks.CheckMessage]:
        """Warn of unique constraints that no index of the server's keeps."""
        editor = self.connection.schema_editor()
        return [
            checks.Warning(
                HIDDEN % (model._meta.db_table, constraint.name),
                hint=(
                    "Give it a condition of comparisons with constants, or silence "
                    "this if no other program writes to the collection."
                ),
                obj=model,
                id="nonrel_backend.W004",
            )
            for model in apps.get_models(include_auto_created=True)
            if model._meta.managed
            and not model._meta.proxy
            and router.allow_migrate_model(self.connection.alias, model)
            for constraint in model._meta.constraints
            if isinstance(constraint, UniqueConstraint)
            and editor.takes_hidden_keys(model, constraint)
        ]

    def check_transactions(self) -> list[checks.CheckMessage]:
        """Warn of a server without transactions, unless OPTIONS switch them off."""
        choice = self.connection.settings_dict["OPTIONS"].get("transactions", "auto")
        if choice == "off" or self.connection.has_transactions:
            return []
        return [
            checks.Warning(
                NO_TRANSACTIONS.format(alias=self.connection.alias),
                hint=(
                    "Start mongod with --replSet (one node is enough), or set "
                    "OPTIONS['transactions'] = 'off' to silence this."
                ),
                id="nonrel_backend.W003",
            )
        ]
