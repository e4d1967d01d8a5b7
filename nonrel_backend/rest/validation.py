"""Validation of the data beyond the types of its fields."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import UploadedFile
from django.forms import BaseForm, BaseModelForm, model_to_dict
from django.http import HttpRequest

from .bundle import Bundle


class Validation:
    """Accepts everything. The base of all others."""

    def __init__(self, **kwargs: Any) -> None:
        pass

    def is_valid(
        self, bundle: Bundle, request: HttpRequest | None = None
    ) -> dict[str, Any]:
        """Return the errors by field; empty if the data is valid."""
        return {}


class FormValidation(Validation):
    """Validates the data by a Django form, `form_class`."""

    def __init__(self, **kwargs: Any) -> None:
        if "form_class" not in kwargs:
            raise ImproperlyConfigured(
                "You must provide a 'form_class' to FormValidation."
            )
        self.form_class = kwargs.pop("form_class")
        super().__init__(**kwargs)

    def form_args(self, bundle: Bundle) -> dict[str, Any]:
        """Return the arguments of the form: the object, and the data over its own."""
        data = dict(bundle.data)
        files = {
            name: each for name, each in data.items() if isinstance(each, UploadedFile)
        }
        arguments: dict[str, Any] = {"data": data, "files": files}
        obj = bundle.obj
        if issubclass(self.form_class, BaseModelForm) and hasattr(obj, "_meta"):
            if obj.pk is not None:
                arguments["instance"] = obj
                arguments["data"] = model_to_dict(obj) | data
            for name in self.form_class.base_fields:
                # A relation is a URI in the data, and a key in a form.
                key = getattr(obj, f"{name}_id", None)
                if key is not None and name in arguments["data"]:
                    arguments["data"][name] = key
        return arguments

    def is_valid(
        self, bundle: Bundle, request: HttpRequest | None = None
    ) -> dict[str, Any]:
        obj = bundle.obj
        before = dict(vars(obj)) if hasattr(obj, "_meta") else {}
        form = self.form_class(**self.form_args(bundle))
        valid = form.is_valid()
        # A model form writes to its instance, which was hydrated already.
        vars(obj).update(before)
        self.cleaned(bundle, form, valid)
        return {} if valid else dict(form.errors)

    def cleaned(self, bundle: Bundle, form: BaseForm, valid: bool) -> None:
        """Use the validated form. A hook."""


class CleanedDataFormValidation(FormValidation):
    """A FormValidation that replaces the bundle's data by the cleaned data."""

    def cleaned(self, bundle: Bundle, form: Any, valid: bool) -> None:
        if valid:
            bundle.data = form.cleaned_data
