"""The app of the models with documents."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    """Its label is no other app's, whatever project the suite runs in."""

    name = "nonrel_backend.testing.documents"
    label = "nonrel_documents"
    default_auto_field = "django.db.models.BigAutoField"
