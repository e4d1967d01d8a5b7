"""The registry of embedded models.

They have one of their own because they have no tables. Their relations lead to the
models of the project.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.apps import apps as project
from django.apps.registry import Apps
from django.db import models

# The key for the model's label in a document that may be of several models.
MODEL_KEY = "_model"


class EmbeddedApps(Apps):
    """Embedded models by label."""

    def __init__(self) -> None:
        super().__init__(installed_apps=())

    def lazy_model_operation(
        self, function: Callable[..., None], *model_keys: tuple[str, str]
    ) -> None:
        """Call `function` with the models when all exist.

        The first is an embedded model, the others are the project's.
        """
        if not model_keys:
            return function()
        own, *others = model_keys

        def call_with(model: type[models.Model]) -> None:
            project.lazy_model_operation(partial(function, model), *others)

        super().lazy_model_operation(call_with, own)
        return None

    def find(self, label: str) -> Any:
        """Return the model with a label such as "app.Model".

        Raise LookupError if there is none.
        """
        app_label, _, name = label.partition(".")
        return self.get_registered_model(app_label, name)

    def subclasses(self, base: type[models.Model]) -> list[Any]:
        """Return the models that inherit from an abstract one."""
        return [
            model
            for app_models in self.all_models.values()
            for model in app_models.values()
            if issubclass(model, base)
        ]


embedded_models = EmbeddedApps()
