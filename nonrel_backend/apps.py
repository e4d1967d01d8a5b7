"""The app "nonrel_backend": commands, form templates, and fields on SQL databases."""

from django.apps import AppConfig, apps
from django.db.backends.signals import connection_created


class NonrelBackendConfig(AppConfig):
    name = "nonrel_backend"
    verbose_name = "Non-relational backends"

    def ready(self) -> None:
        from .documents.databases import prepare

        connection_created.connect(prepare)
        if apps.is_installed("rest_framework"):
            from .rest.contrib.drf import register

            register()
