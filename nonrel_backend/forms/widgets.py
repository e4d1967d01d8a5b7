"""Widgets: rows of values, rows of keys and values, a form inside a form."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..documents.codec import optional, portable


class Rows:
    """The rows that a browser sent, by their keys, in order.

    `tokens` say which hidden values the page's rows had.
    """

    def __init__(
        self, rows: dict[str, Any], tokens: Mapping[str, str] | None = None
    ) -> None:
        self.rows, self.tokens = rows, tokens or {}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows.values())


def hidden_values(value: Any) -> Any:
    """Return what the form of an embedded model does not show of it, at any depth."""
    if isinstance(value, (list, tuple)):
        return [found for each in value if (found := hidden_values(each))]
    if not hasattr(value, "_source"):
        return None
    fields = value._meta.concrete_fields
    found = [
        hidden_values(getattr(value, field.attname))
        if field.editable
        else optional(portable.writer(field))(getattr(value, field.attname))
        for field in fields
        if field.column and not getattr(field, "auto_now", False)
    ]
    found.append(None if value._source is None else repr(value._source.others))
    return found if any(found) else None


def token_of(value: Any) -> str:
    """Return a text that tells items with different hidden values apart, or ""."""
    found = hidden_values(value)
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16] if found else ""


class RowsWidget(forms.Widget):
    """A list, as rows that can be added, removed and moved.

    The browser sends the keys of the rows, in order, under the list's name, and each
    row's value under that name and the key.
    """

    template_name = "nonrel_backend/rows.html"
    is_ordered = True

    class Media:
        js = ["nonrel_backend/documents.js"]
        css = {"all": ["nonrel_backend/documents.css"]}

    def __init__(
        self, item_field: forms.Field, attrs: dict[str, Any] | None = None
    ) -> None:
        self.item_field = item_field
        super().__init__(attrs)

    @property
    def media(self) -> forms.Media:
        own = forms.Media(self.Media)
        return own + self.item_field.widget.media

    def get_context(
        self, name: str, value: Any, attrs: dict[str, Any] | None
    ) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        # The script replaces the placeholder by a new row's key. A list inside a row
        # needs a different one.
        placeholder = f"__row{name.count('__row')}__"
        if not isinstance(value, Rows):
            numbered = enumerate(self.row_values(value))
            value = Rows({str(number): row for number, row in numbered})
        rows = [self.row(name, key, each) for key, each in value.rows.items()]
        context["widget"] |= {
            "rows": rows,
            "blank": self.row(name, placeholder, self.blank()),
            "placeholder": placeholder,
            "is_ordered": self.is_ordered,
            "add_text": _("Add another"),
            "remove_text": _("Remove"),
            "up_text": _("Move up"),
            "down_text": _("Move down"),
        }
        return context

    def row_values(self, value: Any) -> list[Any]:
        return list(value or ())

    def blank(self) -> Any:
        """Return the value of a row that is added."""
        initial = self.item_field.initial
        return initial() if callable(initial) else initial

    def row(self, name: str, key: str, value: Any) -> dict[str, Any]:
        """Return the template's variables for a row."""
        html = self.item(f"{name}-{key}", value)
        return {"key": key, "token": self.token(value), "html": html}

    def token(self, value: Any) -> str:
        """Return the token of an item, which the data may have as its bound form."""
        if not isinstance(value, forms.ModelForm):
            return token_of(value)
        return token_of(value.instance) if value.is_initial else ""

    def item(self, name: str, value: Any) -> str:
        """Return the HTML of a row's value."""
        field = self.item_field
        html: str = field.widget.render(
            name, field.prepare_value(value), {"id": f"id_{name}"}
        )
        return html

    def row_keys(self, data: Mapping[str, Any], name: str) -> list[str]:
        """Return the keys of the rows that were sent, in order."""
        getlist = getattr(data, "getlist", data.get)
        keys = getlist(name) or []
        return [keys] if isinstance(keys, str) else list(keys)

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> Any:
        if self.value_omitted_from_data(data, files, name):
            return None
        keys = self.row_keys(data, name)
        return Rows(
            {key: self.row_value(data, files, f"{name}-{key}") for key in keys},
            {key: token for key in keys if (token := data.get(f"{name}-{key}"))},
        )

    def row_value(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> Any:
        return self.item_field.widget.value_from_datadict(data, files, name)

    def value_omitted_from_data(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> bool:
        return f"{name}-rows" not in data and name not in data

    def id_for_label(self, id_: str) -> str:
        return ""

    def use_required_attribute(self, initial: Any) -> bool:
        return False


class PairsWidget(RowsWidget):
    """A dictionary, as rows of a key and a value."""

    is_ordered = False

    def row_values(self, value: Any) -> list[Any]:
        return list(value.items() if isinstance(value, dict) else value or ())

    def blank(self) -> tuple[str, Any]:
        return "", None

    def row(self, name: str, key: str, value: tuple[str, Any]) -> dict[str, Any]:
        label, item = value
        name = f"{name}-{key}"
        found = forms.TextInput(attrs={"aria-label": _("Key")}).render(
            f"{name}-key", label, {"id": f"id_{name}-key"}
        )
        html = self.item(f"{name}-value", item)
        return {"key": key, "token": self.token(item), "label": found, "html": html}

    def row_value(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> tuple[str, Any]:
        item = super().row_value(data, files, f"{name}-value")
        return data.get(f"{name}-key", ""), item


class EmbeddedWidget(forms.Widget):
    """An embedded model, as its own form.

    The value of a submitted widget is the bound form.
    """

    template_name = "nonrel_backend/embedded.html"

    def __init__(self, field: Any, attrs: dict[str, Any] | None = None) -> None:
        self.field = field
        super().__init__(attrs)

    @property
    def media(self) -> forms.Media:
        own = forms.Media(css={"all": ["nonrel_backend/documents.css"]})
        return own + self.field.form_class().media

    def get_context(
        self, name: str, value: Any, attrs: dict[str, Any] | None
    ) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        context["widget"]["form"] = self.form(name, value)
        return context

    def form(self, name: str, value: Any) -> forms.BaseForm:
        if isinstance(value, forms.BaseForm):
            return value
        return self.field.new_form(prefix=name, instance=value)

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> Any:
        return self.field.new_form(data, files, prefix=name)

    def value_omitted_from_data(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> bool:
        return not any(key.startswith(f"{name}-") for key in [*data, *files])

    def id_for_label(self, id_: str) -> str:
        return ""

    def use_required_attribute(self, initial: Any) -> bool:
        return False
