"""The app of the fault runs' models."""

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    """Its label is no other app's."""

    name = "nonrel_backend.testing.faults"
    label = "nonrel_faults"
    default_auto_field = "django.db.models.BigAutoField"
