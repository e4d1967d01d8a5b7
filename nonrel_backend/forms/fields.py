"""Form fields of collections, embedded models and bytes."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import modelform_factory
from django.utils.translation import gettext_lazy as _

from .widgets import EmbeddedWidget, PairsWidget, RowsWidget


class ItemsField(forms.Field):
    """Values of one field in rows."""

    widget_class: type[RowsWidget] = RowsWidget

    def __init__(self, *, item_field, **kwargs):
        self.item_field = item_field
        kwargs["widget"] = self.widget_class(item_field)
        super().__init__(**kwargs)

    def cleaned(self, value) -> list:
        """The rows' values; one ValidationError for all rows at fault."""
        found, errors = [], []
        for number, row in enumerate(value or (), 1):
            if self.is_blank(row):
                continue
            try:
                found.append(self.clean_row(row))
            except ValidationError as error:
                errors += [
                    ValidationError(
                        _("Item %(number)s: %(message)s"),
                        code="item",
                        params={"number": number, "message": message},
                    )
                    for message in error.messages
                ]
        if errors:
            raise ValidationError(errors)
        return found

    def is_blank(self, row) -> bool:
        """Whether a row was left empty where that is no value."""
        return self.item_field.required and is_empty(self.item_field, row)

    def clean_row(self, row):
        return self.item_field.clean(row)

    def clean(self, value):
        value = self.collected(self.cleaned(value))
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")
        self.run_validators(value)
        return value

    def collected(self, rows: list) -> Any:
        return rows

    def has_changed(self, initial, data):
        try:
            return self.clean(data) != (self.collected([]) if not initial else initial)
        except ValidationError:
            return True


def is_empty(field, value) -> bool:
    if isinstance(value, forms.BaseForm):
        return not value.has_changed()
    return value in field.empty_values


class ListField(ItemsField):
    """A list in rows to be added, removed and moved."""


class SetField(ItemsField):
    """A set in rows."""

    def collected(self, rows):
        return set(rows)


class DictField(ItemsField):
    """A dictionary in rows of keys and values."""

    widget_class = PairsWidget

    def is_blank(self, row):
        key, value = row
        return not key and is_empty(self.item_field, value)

    def clean_row(self, row):
        key, value = row
        if not key:
            raise ValidationError(_("The key is missing."), code="key")
        return key, self.item_field.clean(value)

    def collected(self, rows):
        found = dict(rows)
        if len(found) < len(rows):
            raise ValidationError(_("A key is given twice."), code="duplicate")
        return found


class EmbeddedForm(forms.ModelForm):
    """The form of an embedded model, shown within another."""

    use_required_attribute = False


class EmbeddedModelField(forms.Field):
    """An embedded model's form within the form.

    `within` holds the models whose forms it is within: of these, an inner one is
    edited as JSON.
    """

    def __init__(self, *, embedded_model, within=(), **kwargs):
        self.embedded_model = embedded_model
        self.within = (*within, embedded_model)
        kwargs.pop("max_length", None)
        kwargs["widget"] = EmbeddedWidget(self)
        super().__init__(**kwargs)

    @property
    def form_class(self):
        return form_class_of(self.embedded_model, self.within)

    def new_form(self, *args, instance=None, **kwargs):
        instance = self.embedded_model() if instance is None else instance
        return self.form_class(*args, instance=instance, **kwargs)

    def clean(self, value):
        if value is None or is_empty(self, value):
            if self.required:
                raise ValidationError(self.error_messages["required"], code="required")
            return None
        if not isinstance(value, forms.BaseForm):
            return value
        if not value.is_valid():
            raise ValidationError(
                [
                    message if name == "__all__" else f"{name}: {message}"
                    for name, messages in value.errors.items()
                    for message in messages
                ]
            )
        return value.instance

    def has_changed(self, initial, data):
        try:
            return self.clean(data) != initial
        except ValidationError:
            return True


def form_class_of(model, within) -> type[forms.ModelForm]:
    def formfield(field, **kwargs):
        if hasattr(field, "document_writer"):
            kwargs["within"] = within
        return field.formfield(**kwargs)

    return modelform_factory(
        model, form=EmbeddedForm, fields="__all__", formfield_callback=formfield
    )


class DocumentField(forms.CharField):
    """Any collection or embedded model as JSON."""

    def __init__(self, *, model_field, **kwargs):
        self.model_field = model_field
        kwargs.setdefault("widget", forms.Textarea)
        kwargs.pop("max_length", None)
        super().__init__(**kwargs)

    def prepare_value(self, value):
        from ..documents.codec import portable

        if value is None or isinstance(value, str):
            return value
        return json.dumps(portable.writer(self.model_field)(value), indent=2)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        return self.model_field.to_python(value)

    def has_changed(self, initial, data):
        try:
            return self.to_python(data) != initial
        except ValidationError:
            return True


class BlobField(forms.FileField):
    """Bytes, uploaded as a file."""

    widget = forms.FileInput

    def clean(self, data, initial=None):
        found = super().clean(data, initial)
        return found.read() if hasattr(found, "read") else found
