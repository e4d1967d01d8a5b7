"""The app of the models with documents, with which backends are tested."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "nonrel_backend.testing.documents"
    label = "nonrel_documents"
    default_auto_field = "django.db.models.BigAutoField"
