"""Uploads: the data of forms with files, and the files that are stored."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..exceptions import ApiFieldError, BadRequest, field_errors
from ..fields.nested import ListField, NestedField
from ..fields.plain import CharField, FileField
from ..http import HttpContentTooLarge
from ..resource.endpoint import content_type
from .paths import column

if TYPE_CHECKING:
    from .resource import ModelResource

FORM = "multipart/form-data"
CSRF = "csrfmiddlewaretoken"


class Uploads:
    """The file fields of a ModelResource."""

    def __init__(self, resource: "ModelResource") -> None:
        self.resource = resource

    @cached_property
    def names(self) -> set[str]:
        """The fields that files can be uploaded to."""
        model = self.resource._meta.object_class
        return {
            name
            for name, field in self.resource.fields.items()
            if isinstance(field, FileField)
            and not field.readonly
            and len(field.steps) == 1
            and isinstance(column(model, field.steps[0]), models.FileField)
        }

    # --- forms ---

    def are_sent(self, request: HttpRequest) -> bool:
        """Return whether the request is a form, and the resource has files."""
        return bool(self.names) and content_type(request).lower().startswith(FORM)

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return the data of a form: UploadedFiles, and values of the other fields.

        Respond with 413 if it is too large.
        """
        self.check_length(request)
        try:
            if request.method == "POST":
                form, files = request.POST, request.FILES
            else:  # Django reads forms of POST only
                form, files = request.parse_file_upload(request.META, request)
                request._files = files  # closed with the request
        except MultiPartParserError as error:
            raise BadRequest(
                gettext("The form cannot be read: %(error)s") % {"error": error}
            ) from error
        data: dict[str, Any] = {
            name: self.value(name, form.getlist(name)) for name in form if name != CSRF
        }
        wrong = {
            name: [gettext("The '%(name)s' field is not for files.") % {"name": name}]
            for name in files
            if name not in self.names
        }
        if wrong:
            raise field_errors(wrong)
        return data | {name: files[name] for name in files}

    def check_length(self, request: HttpRequest) -> None:
        """Respond with 413 to a form that is too large, before it is read."""
        most = self.resource._meta.max_upload_size
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        others = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if most is None or others is None:
            return
        if length > most * len(self.names) + others:
            text = gettext("The form is larger than Meta.max_upload_size.")
            self.resource.reject(request, HttpContentTooLarge, text)

    def value(self, name: str, values: list[str]) -> Any:
        """Return the data of a field from its texts in a form."""
        field = self.resource.fields.get(name)
        text = values[-1]
        is_list = isinstance(field, ListField) or (field is not None and field.is_m2m)
        if is_list and not (len(values) == 1 and text.startswith("[")):
            return [value for value in values if value != ""]
        if is_list or isinstance(field, NestedField) or self.is_object(field, text):
            try:
                return json.loads(text) if text else None
            except (ValueError, RecursionError) as error:
                raise field_errors(
                    {name: [gettext("%(name)s must be JSON.") % {"name": name}]}
                ) from error
        is_text = field is None or isinstance(field, CharField)
        return None if text == "" and not is_text else text

    def is_object(self, field: Any, text: str) -> bool:
        """Return whether a text is the data of a related object."""
        return field is not None and field.is_related and text.startswith("{")

    # --- files ---

    def cleaned(self, model_field: Any, name: str, upload: UploadedFile) -> File:
        """Return an uploaded file that the model's field accepts. Raise ApiFieldError
        if it does not: an image must be one.
        """
        form_field = model_field.formfield()
        try:
            form_field.run_validators(form_field.to_python(upload))
            model_field.run_validators(upload)
        except ValidationError as error:
            text = " ".join(error.messages)
            raise ApiFieldError(
                gettext("The '%(name)s' field: %(text)s") % {"name": name, "text": text}
            ) from error
        # Not the upload, whose file would be moved: a write may be retried.
        return File(upload.file, upload.name)


@cache
def file_columns(model: Any) -> list[str]:
    """Return the attributes of a model's files."""
    fields = model._meta.concrete_fields
    return [each.attname for each in fields if isinstance(each, models.FileField)]


def new_files(obj: models.Model) -> list[Any]:
    """Return the files of an object that are not stored yet."""
    model: Any = type(obj)
    found = [getattr(obj, name) for name in file_columns(model)]
    return [each for each in found if each and not each._committed]
