"""Form fields for collections, embedded models and bytes."""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.models import modelform_factory
from django.forms.utils import ErrorList
from django.utils.translation import gettext_lazy as _

from ..documents.codec import portable
from .widgets import EmbeddedWidget, PairsWidget, Rows, RowsWidget, token_of


class NestedField(forms.Field):
    """A field whose value may keep something that the form does not show.

    `clean()` takes the initial value, and keeps of it what the data does not say.
    """

    def clean(self, value: Any, initial: Any = None) -> Any:
        raise NotImplementedError

    def bound(self, data: Any, initial: Any) -> Any:
        """Return the widget's data as data about the initial value."""
        raise NotImplementedError

    def _clean_bound_field(self, bf: forms.BoundField) -> Any:
        return self.clean(bf.initial if self.disabled else bf.data, bf.initial)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else self.bound(data, initial)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data, initial) != self.empty_as_none(initial))
        except ValidationError:
            return True

    def empty_as_none(self, value: Any) -> Any:
        """Return a value as `clean()` returns it."""
        return value


def bound(field: forms.Field, data: Any, initial: Any) -> Any:
    """Return data of a field as data about the initial value."""
    return field.bound(data, initial) if isinstance(field, NestedField) else data


class ItemsField(NestedField):
    """A collection shown as rows, each of which `item_field` validates.

    The key of a row that was there initially is its number.
    """

    widget_class: type[RowsWidget] = RowsWidget

    def __init__(self, *, item_field: forms.Field, **kwargs: Any) -> None:
        self.item_field = item_field
        kwargs["widget"] = self.widget_class(item_field)
        super().__init__(**kwargs)

    def initial_rows(self, initial: Any) -> list[Any]:
        """Return the rows of an initial value."""
        return list(initial) if isinstance(initial, (list, tuple, set)) else []

    def bound(self, data: Any, initial: Any) -> Any:
        if not isinstance(data, Rows):
            return data
        old = {
            str(number): row for number, row in enumerate(self.initial_rows(initial))
        }
        if isinstance(self.item_field, EmbeddedModelField):
            old = by_tokens(data.tokens, old)
        return Rows(
            {key: self.bound_row(row, old.get(key)) for key, row in data.rows.items()}
        )

    def bound_row(self, row: Any, initial: Any) -> Any:
        """Return a row of data as data about the initial row, None for a new one."""
        return bound(self.item_field, row, initial)

    def clean_rows(self, rows: Iterable[Any]) -> list[Any]:
        """Return the values of the rows that are not blank.

        Raise one ValidationError for all rows that are not valid.
        """
        values: list[Any] = []
        errors: list[ValidationError] = []
        for number, row in enumerate(rows, 1):
            if self.is_blank(row):
                continue
            try:
                values.append(self.clean_row(row))
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
        return values

    def is_blank(self, row: Any) -> bool:
        """Return whether a row is empty and that is not a value."""
        return self.item_field.required and is_empty(self.item_field, row)

    def clean_row(self, row: Any) -> Any:
        return self.item_field.clean(row)

    def clean(self, value: Any, initial: Any = None) -> Any:
        value = self.from_rows(self.clean_rows(self.bound(value, initial) or ()))
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")
        self.run_validators(value)
        return value

    def from_rows(self, rows: list[Any]) -> Any:
        """Return the collection of the rows' values."""
        return rows

    def empty_as_none(self, value: Any) -> Any:
        return value or self.from_rows([])


def by_tokens(tokens: Mapping[str, str], old: dict[str, Any]) -> dict[str, Any]:
    """Return initial rows by the keys that they had in the page.

    Another request may have changed the list since. An item that is gone has no row.
    """
    left = dict(old)
    found: dict[str, Any] = {}
    for in_place in (True, False):
        for key, token in tokens.items():
            keys = [key] if in_place else list(left)
            same = [each for each in keys if token_of(left.get(each)) == token]
            if same and key not in found:
                found[key] = left.pop(same[0])
    return {**{key: row for key, row in left.items() if key not in tokens}, **found}


def is_empty(field: forms.Field, value: Any) -> bool:
    if isinstance(value, EmbeddedForm):
        return value.is_blank()
    return value in field.empty_values


class ListField(ItemsField):
    """A list, in rows that can be added, removed and moved."""


class SetField(ItemsField):
    """A set, in rows."""

    def from_rows(self, rows: list[Any]) -> set[Any]:
        return set(rows)


class DictField(ItemsField):
    """A dictionary, in rows of a key and a value."""

    widget_class = PairsWidget

    def initial_rows(self, initial: Any) -> list[Any]:
        return list(initial.values()) if isinstance(initial, dict) else []

    def bound_row(self, row: tuple[str, Any], initial: Any) -> tuple[str, Any]:
        key, value = row
        return key, bound(self.item_field, value, initial)

    def is_blank(self, row: tuple[str, Any]) -> bool:
        key, value = row
        return not key and is_empty(self.item_field, value)

    def clean_row(self, row: tuple[str, Any]) -> tuple[str, Any]:
        key, value = row
        if not key:
            raise ValidationError(_("The key is missing."), code="key")
        return key, self.item_field.clean(value)

    def from_rows(self, rows: list[Any]) -> dict[str, Any]:
        found = dict(rows)
        if len(found) < len(rows):
            raise ValidationError(_("A key is given twice."), code="duplicate")
        return found


class MarkedErrors(ErrorList):
    """Errors of an embedded form: the field outside lists them, the form marks them."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        return ""

    __str__ = __html__ = render


class EmbeddedForm(forms.ModelForm):
    """The form of an embedded model, shown inside another form."""

    use_required_attribute = False
    # Whether the instance was there before the form, and keeps what it does not show.
    is_initial = False

    def is_blank(self) -> bool:
        """Return whether the form is empty, and so its value is none."""
        if not self.has_changed():
            return not self.is_initial
        if not self.is_initial:
            return False
        blank = type(self)(self.data, self.files, prefix=self.prefix)
        return not blank.has_changed()


class EmbeddedModelField(NestedField):
    """An embedded model, edited by its own form inside the form.

    `within` are the embedded models whose forms it is inside of. A field of one of
    these models is edited as JSON.
    """

    def __init__(
        self,
        *,
        embedded_model: type[models.Model],
        within: Iterable[type[models.Model]] = (),
        **kwargs: Any,
    ) -> None:
        self.embedded_model = embedded_model
        self.within = (*within, embedded_model)
        kwargs.pop("max_length", None)
        kwargs["widget"] = EmbeddedWidget(self)
        super().__init__(**kwargs)

    @property
    def form_class(self) -> Any:
        """The class of the model's form."""
        return modelform_factory(
            self.embedded_model,
            form=EmbeddedForm,
            fields="__all__",
            formfield_callback=partial(formfield, within=self.within),
        )

    def new_form(
        self, *args: Any, instance: models.Model | None = None, **kwargs: Any
    ) -> forms.ModelForm:
        """Return the form of an instance, by default of a new one."""
        is_initial = isinstance(instance, self.embedded_model)
        instance = deepcopy(instance) if is_initial else self.embedded_model()
        kwargs["error_class"] = MarkedErrors
        form = self.form_class(*args, instance=instance, **kwargs)
        form.is_initial = is_initial
        return form

    def bound(self, data: Any, initial: Any) -> Any:
        if not isinstance(data, EmbeddedForm) or data.is_initial or initial is None:
            return data
        return self.new_form(
            data.data, data.files, prefix=data.prefix, instance=initial
        )

    def clean(self, value: Any, initial: Any = None) -> Any:
        value = self.bound(value, initial)
        if value is None or is_empty(self, value):
            if self.required:
                raise ValidationError(self.error_messages["required"], code="required")
            return None
        if not isinstance(value, EmbeddedForm):
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


def formfield(field: models.Field, within: Iterable[Any], **kwargs: Any) -> Any:
    """Return the form field of a field in an embedded model."""
    if hasattr(field, "document_writer"):
        kwargs["within"] = within
    return field.formfield(**kwargs)


class DocumentField(NestedField, forms.CharField):
    """A collection or an embedded model, edited as JSON."""

    def __init__(self, *, model_field: models.Field, **kwargs: Any) -> None:
        self.model_field = model_field
        kwargs.setdefault("widget", forms.Textarea)
        kwargs.pop("max_length", None)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(portable.writer(self.model_field)(value), indent=2)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        return self.model_field.to_python(value)

    def bound(self, data: Any, initial: Any) -> Any:
        """Return the initial value itself if the data is its JSON."""
        try:
            parsed = json.dumps(json.loads(data))
            shown = json.dumps(json.loads(self.prepare_value(initial)))
        except (TypeError, ValueError):
            return data
        return initial if parsed == shown else data

    def clean(self, value: Any, initial: Any = None) -> Any:
        return forms.CharField.clean(self, self.bound(value, initial))


class BlobField(forms.FileField):
    """Bytes, uploaded as a file."""

    widget = forms.FileInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        cleaned = super().clean(data, initial)
        return cleaned.read() if hasattr(cleaned, "read") else cleaned
