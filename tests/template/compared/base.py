"""The connection: no transactions."""

from typing import Any

from backend_template import base
from backend_template.store import Connection
from nonrel_backend.features import NonrelDatabaseFeatures


class DatabaseWrapper(base.DatabaseWrapper):
    vendor = display_name = "compared"
    features_class = NonrelDatabaseFeatures

    def get_new_connection(self, conn_params: Any) -> Connection:
        return Connection(self.settings_dict["NAME"])
