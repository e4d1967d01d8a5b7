"""A connection to a server that tests stop, kill and cut off."""

from typing import Any

import pymongo
from django.db import connections

ALIAS = "faulty"


def connect(uri: str, models: Any, **options: Any) -> None:
    """Make `uri` the alias's server, with the tables that the tests need."""
    databases = {
        "default": {},
        ALIAS: {
            "ENGINE": "nonrel_backend.mongodb",
            "HOST": uri,
            "NAME": "faults",
            "OPTIONS": options,
        },
    }
    connections.settings[ALIAS] = connections.configure_settings(databases)[ALIAS]
    if not connections[ALIAS].introspection.table_names():
        with connections[ALIAS].schema_editor() as editor:
            editor.create_model(models.Counter)


def forget() -> None:
    """Drop the alias and close its client."""
    client = connections[ALIAS].connection
    connections[ALIAS].close()
    if client is not None:
        with pymongo.timeout(1):
            client.close()
    del connections[ALIAS]
    del connections.settings[ALIAS]


def fail_commands(server: Any, times: int, *commands: str, **how: Any) -> None:
    """Have the server fail at the next `times` commands of these names.

    `how` is what its fail point "failCommand" takes.
    """
    with server.client() as client:
        client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": times},
            data={"failCommands": commands, **how},
        )
