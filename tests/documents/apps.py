"""The toolkit's models with document fields, as an app labelled "documents"."""

from nonrel_backend.testing.documents.apps import DocumentsConfig as ToolkitConfig


class DocumentsConfig(ToolkitConfig):
    label = "documents"

    def ready(self):
        from . import admin  # noqa: F401 (the app's own folder has no admin.py)
