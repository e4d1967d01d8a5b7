"""The app of the models with which backends are tested."""

from django.apps import AppConfig


class TestingConfig(AppConfig):
    name = "nonrel_backend.testing.conformance"
    label = "nonrel_testing"
    default_auto_field = "django.db.models.BigAutoField"
