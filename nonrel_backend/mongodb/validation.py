"""System check of a MongoDB connection: does the server have transactions?"""

from typing import Any

from django.core import checks
from django.db.backends.base.validation import BaseDatabaseValidation

NO_TRANSACTIONS = (
    "The MongoDB server of {alias!r} is standalone: atomic() cannot roll back, and "
    "every statement is committed on its own."
)


class DatabaseValidation(BaseDatabaseValidation):
    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
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
