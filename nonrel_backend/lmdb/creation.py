"""Stored types, and test databases: folders, in memory if the system has /dev/shm."""

import os
import sys
from typing import Any

from ..creation import NonrelDatabaseCreation
from .environment import discard


class DatabaseCreation(NonrelDatabaseCreation):
    data_types = {**NonrelDatabaseCreation.data_types, "DocumentField": "document"}

    def _get_test_db_name(self) -> str:
        """Return TEST["NAME"], or by default the name of a temporary store."""
        name = self.connection.settings_dict["TEST"]["NAME"]
        return str(name) if name else f":memory:test_{self.connection.alias}"

    def _create_test_db(
        self, verbosity: int, autoclobber: bool, keepdb: bool = False
    ) -> str:
        name = self._get_test_db_name()
        path = self.connection.folder(name)
        if keepdb or name.startswith(":memory:"):
            return name
        if os.path.exists(path):
            if not autoclobber:
                answer = input(
                    f"Type 'yes' to delete the test database '{path}', or 'no' to "
                    "cancel: "
                )
                if answer != "yes":
                    self.log("Tests cancelled.")
                    sys.exit(1)
            discard(path)
        return name

    def get_test_db_clone_settings(self, suffix: str) -> dict[str, Any]:
        settings = super().get_test_db_clone_settings(suffix)
        # Only this process knows the folder of a temporary store.
        source = self.connection.folder(self.connection.settings_dict["NAME"])
        return {**settings, "NAME": f"{source}_{suffix}"}

    def _clone_test_db(self, suffix: str, verbosity: int, keepdb: bool = False) -> None:
        target = self.get_test_db_clone_settings(suffix)["NAME"]
        if keepdb and os.path.exists(target):
            return
        discard(target)
        os.makedirs(target)
        self.connection.environment.lmdb.copy(target)

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        self.connection.close()
        discard(self.connection.folder(test_database_name))

    def test_db_signature(self) -> tuple:
        name = self._get_test_db_name()
        return (*super().test_db_signature()[:2], self.connection.alias, name)
