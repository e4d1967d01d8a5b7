"""Fields of nested data: lists, sets, dictionaries, embedded objects, any JSON."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext, gettext_lazy

from ..bundle import Bundle
from ..exceptions import WrongValue
from .base import MISSING, ApiField, step
from .kept import embedded_in, with_sources


class NestedField(ApiField):
    """The base of the nested fields. A dotted path, as "address.city", leads into
    their data.
    """

    def part(self, name: str) -> ApiField | None:
        """Return the field of the part `name` of the data, or None."""
        return None

    def read(self, value: Any, bundle: Bundle) -> Any:
        old = step(bundle.obj, self.steps[0]) if len(self.steps) == 1 else None
        return self.clean_over(value, old)

    def clean_over(self, value: Any, old: Any) -> Any:
        """Return cleaned data that replaces an old value: it keeps the old values of
        fields that may not be written, and the keys that the fields do not know.
        """
        value = self.with_computed(value, old, list(embedded_in(old)))
        return with_sources(self.clean(value), old)

    def with_computed(self, value: Any, old: Any, every: list[Any]) -> Any:
        """Return data whose values of fields that may not be written are those of the
        old value, or of another in `every`, the embedded models that are replaced.
        """
        return value

    def part_error(self, name: Any, field: ApiField, error: WrongValue) -> WrongValue:
        """Return the error of a part with the path from this field."""
        rest = error.path.removeprefix(field.instance_name).lstrip(".")
        path = ".".join(filter(None, (self.instance_name, str(name), rest)))
        return WrongValue(path, error.text)

    def each(
        self, pairs: Iterable[tuple[Any, Any]], method: str
    ) -> list[tuple[Any, Any]]:
        """Return (name, value) pairs of parts, with `method` applied to each value:
        "convert" or "clean".
        """
        found = []
        for name, value in pairs:
            field = self.part(str(name))
            if value is not None and field is not None:
                try:
                    value = getattr(field, method)(value)
                except WrongValue as error:
                    raise self.part_error(name, field, error) from error
            found.append((name, value))
        return found


class JSONField(NestedField):
    """Any JSON value."""

    dehydrated_type = "json"
    help_text = gettext_lazy("Any JSON value.")

    def part(self, name: str) -> ApiField | None:
        return JSONField()

    def clean(self, value: Any) -> Any:
        return value

    def json_schema(self) -> dict[str, Any]:
        return {}


class ItemsField(NestedField):
    """The base of fields with items of one field, `of`. Without it, an item is any
    JSON value.
    """

    def __init__(
        self, attribute: Any = None, of: ApiField | None = None, **options: Any
    ) -> None:
        super().__init__(attribute, **options)
        self.of = of

    def part(self, name: str) -> ApiField | None:
        return self.of or JSONField()

    def with_computed(self, value: Any, old: Any, every: list[Any]) -> Any:
        if not isinstance(self.of, NestedField):
            return value
        if isinstance(value, dict):
            known = old if isinstance(old, dict) else {}
            return {
                name: self.of.with_computed(each, known.get(name), every)
                for name, each in value.items()
            }
        if isinstance(value, list):
            paired = isinstance(old, list) and len(old) == len(value)
            olds: Any = old if paired else [None] * len(value)
            return [
                self.of.with_computed(each, mine, every)
                for each, mine in zip(value, olds, strict=True)
            ]
        return value

    def schema(self) -> dict[str, Any]:
        found = super().schema()
        if self.of is not None:
            found["items"] = self.of.schema()
        return found


class ListField(ItemsField):
    """A list."""

    dehydrated_type = "list"
    help_text = gettext_lazy("A list of data. Ex: ['abc', 26.73, 8]")

    def part(self, name: str) -> ApiField | None:
        return super().part(name) if name.isdecimal() else None

    def convert(self, value: Any) -> list[Any]:
        value = list(value)
        if self.of is None:
            return value
        return [item for _, item in self.each(enumerate(value), "convert")]

    def clean(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise self.wrong(gettext("a list"))
        return [item for _, item in self.each(enumerate(value), "clean")]

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "array",
            "items": {} if self.of is None else self.of.json_schema(),
        }


class SetField(ListField):
    """A set, shown as a list without duplicates."""

    help_text = gettext_lazy("A list of distinct data. Ex: ['abc', 'def']")

    def part(self, name: str) -> ApiField | None:
        return self.of or JSONField()

    def convert(self, value: Any) -> list[Any]:
        try:
            return super().convert(sorted(value))
        except TypeError:
            return super().convert(sorted(value, key=lambda item: repr(item)))

    def clean(self, value: Any) -> set[Any]:
        try:
            return set(super().clean(value))
        except TypeError as error:
            raise self.wrong(gettext("a list of plain values")) from error

    def json_schema(self) -> dict[str, Any]:
        return super().json_schema() | {"uniqueItems": True}


class DictField(ItemsField):
    """A dictionary."""

    dehydrated_type = "dict"
    help_text = gettext_lazy(
        "A dictionary of data. Ex: {'price': 26.73, 'name': 'Daniel'}"
    )

    def convert(self, value: Any) -> dict[Any, Any]:
        value = dict(value)
        return value if self.of is None else dict(self.each(value.items(), "convert"))

    def clean(self, value: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self.wrong(gettext("an object"))
        return dict(self.each(value.items(), "clean"))

    def json_schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "object"}
        if self.of is not None:
            found["additionalProperties"] = self.of.json_schema()
        return found


class EmbeddedField(NestedField):
    """An embedded object with fields of its own.

    `build` makes the value from a dictionary of values by attribute. Without `build`
    the value is that dictionary.
    """

    dehydrated_type = "dict"
    help_text = gettext_lazy("An object. Ex: {'city': 'Berlin'}")

    def __init__(
        self,
        attribute: Any = None,
        fields: dict[str, ApiField] | None = None,
        **options: Any,
    ) -> None:
        self.build = options.pop("build", None)
        super().__init__(attribute, **options)
        if fields is not None:
            self.fields = fields
            for name, field in fields.items():
                if field.write_only:
                    raise ImproperlyConfigured(
                        f"{name!r} is a part of an object: only fields of a resource "
                        "can be write_only."
                    )
                field.instance_name = field.instance_name or name

    def part(self, name: str) -> ApiField | None:
        return self.fields.get(name)

    def convert(self, value: Any) -> dict[str, Any]:
        pairs = []
        for name, field in self.fields.items():
            found = step(value, attribute_of(field, name))
            pairs.append((name, None if found is MISSING else found))
        return dict(self.each(pairs, "convert"))

    def clean(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise self.wrong(gettext("an object"))
        unknown = sorted(map(str, set(value) - set(self.fields)))
        if unknown:
            raise WrongValue(
                self.instance_name,
                gettext("has no %(value)s") % {"value": ", ".join(unknown)},
            )
        for name, field in self.fields.items():
            missing = value.get(name, MISSING)
            if missing is None and not field.null:
                raise WrongValue(
                    f"{self.instance_name}.{name}", gettext("must not be null")
                )
            if missing is MISSING and not (
                field.null or field.blank or field.has_default
            ):
                raise WrongValue(f"{self.instance_name}.{name}", gettext("is required"))
        cleaned = {
            attribute_of(self.fields[name], name): each
            for name, each in self.each(value.items(), "clean")
        }
        return cleaned if self.build is None else self.build(cleaned)

    def schema(self) -> dict[str, Any]:
        parts = {name: field.schema() for name, field in self.fields.items()}
        return super().schema() | {"fields": parts}

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                name: nullable(field) for name, field in self.fields.items()
            },
            "additionalProperties": False,
        }


def attribute_of(field: ApiField, name: str) -> Any:
    """Return the attribute of a part; its name if the field does not say."""
    return field.attribute or name


def nullable(field: ApiField) -> dict[str, Any]:
    """Return the JSON Schema of a field's values, null included if allowed."""
    found = field.json_schema() | field.limits
    if not field.null or not found:
        return found
    return {"anyOf": [found, {"type": "null"}]}
