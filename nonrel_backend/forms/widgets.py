"""Widgets: rows of values, rows of keys and values, a form within a form."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class RowsWidget(forms.Widget):
    """A list as rows to be added, removed and moved.

    Each row has a key of its own, sent under the list's name in the order of the rows;
    its value is under the list's name and the key.
    """

    template_name = "nonrel_backend/rows.html"
    is_ordered = True

    class Media:
        js = ["nonrel_backend/documents.js"]
        css = {"all": ["nonrel_backend/documents.css"]}

    def __init__(self, item_field, attrs=None):
        self.item_field = item_field
        super().__init__(attrs)

    @property
    def media(self):
        own = forms.Media(self.Media)
        return own + self.item_field.widget.media

    def get_context(self, name, value, attrs):
        context = super().get_context(name, None, attrs)
        # A list in the rows to be added has a placeholder of its own.
        placeholder = f"__row{name.count('__row')}__"
        rows = [
            self.row(name, str(number), each)
            for number, each in enumerate(self.row_values(value))
        ]
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

    def row_values(self, value) -> list:
        return list(value or ())

    def blank(self) -> Any:
        initial = self.item_field.initial
        return initial() if callable(initial) else initial

    def row(self, name: str, key: str, value) -> dict[str, Any]:
        return {"key": key, "html": self.item(f"{name}-{key}", value)}

    def item(self, name: str, value) -> str:
        field = self.item_field
        return field.widget.render(
            name, field.prepare_value(value), {"id": f"id_{name}"}
        )

    def row_keys(self, data, name: str) -> list[str]:
        if hasattr(data, "getlist"):
            return data.getlist(name)
        keys = data.get(name, [])
        return [keys] if isinstance(keys, str) else list(keys)

    def value_from_datadict(self, data, files, name):
        if self.value_omitted_from_data(data, files, name):
            return None
        return [
            self.row_value(data, files, f"{name}-{key}")
            for key in self.row_keys(data, name)
        ]

    def row_value(self, data, files, name: str):
        return self.item_field.widget.value_from_datadict(data, files, name)

    def value_omitted_from_data(self, data, files, name):
        return f"{name}-rows" not in data and name not in data

    def id_for_label(self, id_):
        return ""

    def use_required_attribute(self, initial):
        return False


class PairsWidget(RowsWidget):
    """A dictionary as rows of keys and values."""

    is_ordered = False

    def row_values(self, value):
        return list(value.items() if isinstance(value, dict) else value or ())

    def blank(self):
        return "", None

    def row(self, name, key, value):
        label, item = value
        name = f"{name}-{key}"
        found = forms.TextInput(attrs={"aria-label": _("Key")}).render(
            f"{name}-key", label, {"id": f"id_{name}-key"}
        )
        return {"key": key, "label": found, "html": self.item(f"{name}-value", item)}

    def row_value(self, data, files, name):
        item = super().row_value(data, files, f"{name}-value")
        return data.get(f"{name}-key", ""), item


class EmbeddedWidget(forms.Widget):
    """An embedded model's own form; its value is that form, once it is sent."""

    template_name = "nonrel_backend/embedded.html"

    def __init__(self, field, attrs=None):
        self.field = field
        super().__init__(attrs)

    @property
    def media(self):
        own = forms.Media(css={"all": ["nonrel_backend/documents.css"]})
        return own + self.field.form_class().media

    def get_context(self, name, value, attrs):
        context = super().get_context(name, None, attrs)
        context["widget"]["form"] = self.form(name, value)
        return context

    def form(self, name: str, value) -> forms.BaseForm:
        if isinstance(value, forms.BaseForm):
            return value
        return self.field.new_form(prefix=name, instance=value)

    def value_from_datadict(self, data, files, name):
        return self.field.new_form(data, files, prefix=name)

    def value_omitted_from_data(self, data, files, name):
        return not any(key.startswith(f"{name}-") for key in [*data, *files])

    def id_for_label(self, id_):
        return ""

    def use_required_attribute(self, initial):
        return False
