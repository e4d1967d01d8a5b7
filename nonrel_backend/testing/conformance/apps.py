"""The app of the conformance suite's models."""

from django.apps import AppConfig


class TestingConfig(AppConfig):
    """Its label is no other app's, whatever project the suite runs in."""

    name = "nonrel_backend.testing.conformance"
    label = "nonrel_testing"
    default_auto_field = "django.db.models.BigAutoField"
