"""The app: the tables of API keys and of accesses."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "nonrel_backend.rest"
    label = "nonrel_rest"
    verbose_name = "REST"
    default_auto_field = "django.db.models.BigAutoField"
