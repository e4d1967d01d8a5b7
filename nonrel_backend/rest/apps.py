"""The app, with the models ApiKey and ApiAccess."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    """The app of nonrel_backend.rest."""

    name = "nonrel_backend.rest"
    label = "nonrel_rest"
    verbose_name = "REST"
    default_auto_field = "django.db.models.BigAutoField"
