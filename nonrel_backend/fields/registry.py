"""Where embedded models are looked up: a registry of their own, since they have no
tables; their relations lead to the project's models.
"""

from functools import partial

from django.apps import apps as project
from django.apps.registry import Apps

# The key under which a document says which of several models it is of.
MODEL_KEY = "_model"


class EmbeddedApps(Apps):
    """Embedded models by label."""

    def __init__(self):
        super().__init__(installed_apps=())

    def lazy_model_operation(self, function, *model_keys):
        if not model_keys:
            return function()
        own, *others = model_keys

        def found(model):
            project.lazy_model_operation(partial(function, model), *others)

        super().lazy_model_operation(found, own)

    def find(self, label: str):
        """The model of a label as "app.Model"; LookupError where there is none."""
        app_label, _, name = label.partition(".")
        return self.get_registered_model(app_label, name)

    def subclasses(self, base) -> list:
        """The models that are made of an abstract one."""
        return [
            model
            for models in self.all_models.values()
            for model in models.values()
            if issubclass(model, base)
        ]


embedded_models = EmbeddedApps()
