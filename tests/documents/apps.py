"""The toolkit's models with documents, as an app called "documents"."""

from nonrel_backend.testing.documents.apps import DocumentsConfig as ToolkitConfig


class DocumentsConfig(ToolkitConfig):
    label = "documents"

    def ready(self):
        from . import admin  # noqa: F401 (registers it: the app's own folder has none)
