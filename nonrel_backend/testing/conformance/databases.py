"""The two databases of the conformance suite, with or without a Django project."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import connections
from django.test import override_settings

OURS, REFERENCE = "conformance", "conformance_sqlite"
ALIASES = (OURS, REFERENCE)
APPS = [
    "nonrel_backend",
    "nonrel_backend.testing.conformance",
    "nonrel_backend.testing.documents",
]
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}


def set_up_django() -> None:
    """Set up Django, with settings of our own if there are none."""
    if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
        settings.configure(
            DATABASES={"default": SQLITE}, INSTALLED_APPS=APPS, USE_TZ=True
        )
    if not apps.ready:
        django.setup()


@contextmanager
def databases(entry: dict[str, Any]) -> Iterator[None]:
    """Create a test database of the DATABASES entry `entry` as OURS, and one of SQLite
    as REFERENCE, for the block.
    """
    known = {config.name for config in apps.get_app_configs()}
    installed = [*settings.INSTALLED_APPS, *sorted({*APPS} - known)]
    # In other time zones TruncDate() fails on SQLite for the first and last datetimes.
    with override_settings(USE_TZ=True, TIME_ZONE="UTC", INSTALLED_APPS=installed):
        register(OURS, entry)
        register(REFERENCE, SQLITE)
        connection = connections[OURS]
        try:
            name = connection.creation._create_test_db(0, autoclobber=True)
            connection.close()
            connections.settings[OURS]["NAME"] = name
            connection.settings_dict["NAME"] = name
            yield
            connection.creation._destroy_test_db(name, 0)
        finally:
            for alias in ALIASES:
                connections[alias].close()
                del connections[alias], connections.settings[alias]


def register(alias: str, entry: dict[str, Any]) -> None:
    """Add a database to `connections`."""
    configured = connections.configure_settings({"default": dict(entry)})
    connections.settings[alias] = configured["default"]


def create_tables() -> Any:
    """Create the tables of the suite's models on both. Return the models' module."""
    # Models can be imported only when Django's apps are loaded.
    from ..documents.models import City
    from . import models

    for alias in ALIASES:
        with connections[alias].schema_editor() as editor:
            for each in (models.Author, City):
                for model in each._meta.app_config.get_models():
                    editor.create_model(model)
    return models
