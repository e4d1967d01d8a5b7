"""Fields whose data has parts: lists, sets, dictionaries, embedded objects, JSON."""

from typing import Any

from ..exceptions import WrongValue
from .base import MISSING, ApiField, step


class NestedField(ApiField):
    """What they share: a path leads into the data, as "address.city"."""

    def part(self, name: str) -> "ApiField | None":
        """The field of what a path leads to by this name; None where there is none."""
        return None

    def part_error(self, name: Any, field: ApiField, error: WrongValue) -> WrongValue:
        """The error of a part, by the path from here."""
        rest = error.path.removeprefix(field.instance_name).lstrip(".")
        path = ".".join(filter(None, (self.instance_name, str(name), rest)))
        return WrongValue(path, error.text)

    def each(self, pairs, how: str) -> list[tuple[Any, Any]]:
        """Pairs of a place and a value, the values converted or cleaned."""
        found = []
        for name, value in pairs:
            field = self.part(str(name))
            if value is not None and field is not None:
                try:
                    value = getattr(field, how)(value)
                except WrongValue as error:
                    raise self.part_error(name, field, error) from error
            found.append((name, value))
        return found


class JSONField(NestedField):
    """Any JSON value."""

    dehydrated_type = "json"
    help_text = "Any JSON value."

    def part(self, name):
        return JSONField()

    def clean(self, value):
        return value

    def json_schema(self):
        return {}


class ItemsField(NestedField):
    """Fields with one field, `of`, for all their values; any JSON without it."""

    def __init__(self, attribute=None, of: ApiField | None = None, **options):
        super().__init__(attribute, **options)
        self.of = of

    def part(self, name):
        return self.of or JSONField()

    def schema(self):
        found = super().schema()
        if self.of is not None:
            found["items"] = self.of.schema()
        return found


class ListField(ItemsField):
    """A list."""

    dehydrated_type = "list"
    help_text = "A list of data. Ex: ['abc', 26.73, 8]"

    def part(self, name):
        return super().part(name) if name.isdecimal() else None

    def convert(self, value):
        value = list(value)
        if self.of is None:
            return value
        return [item for _, item in self.each(enumerate(value), "convert")]

    def clean(self, value):
        if not isinstance(value, list | tuple):
            raise self.wrong("a list")
        return [item for _, item in self.each(enumerate(value), "clean")]

    def json_schema(self):
        return {
            "type": "array",
            "items": {} if self.of is None else self.of.json_schema(),
        }


class SetField(ListField):
    """A set: a list of values of which each is there once, in no order of its own."""

    help_text = "A list of data, each once. Ex: ['abc', 'def']"

    def part(self, name):
        return self.of or JSONField()

    def convert(self, value):
        try:
            return super().convert(sorted(value))
        except TypeError:
            return super().convert(sorted(value, key=lambda item: repr(item)))

    def clean(self, value):
        try:
            return set(super().clean(value))
        except TypeError as error:
            raise self.wrong("a list of plain values") from error

    def json_schema(self):
        return super().json_schema() | {"uniqueItems": True}


class DictField(ItemsField):
    """A dictionary."""

    dehydrated_type = "dict"
    help_text = "A dictionary of data. Ex: {'price': 26.73, 'name': 'Daniel'}"

    def convert(self, value):
        value = dict(value)
        return value if self.of is None else dict(self.each(value.items(), "convert"))

    def clean(self, value):
        if not isinstance(value, dict):
            raise self.wrong("an object")
        return dict(self.each(value.items(), "clean"))

    def json_schema(self):
        found: dict[str, Any] = {"type": "object"}
        if self.of is not None:
            found["additionalProperties"] = self.of.json_schema()
        return found


class EmbeddedField(NestedField):
    """An object within the object, with fields of its own.

    `build` makes its value of a dictionary of values by attribute; without it, the
    value is that dictionary.
    """

    dehydrated_type = "dict"
    help_text = "An object. Ex: {'city': 'Berlin'}"

    def __init__(
        self, attribute=None, fields: dict[str, ApiField] | None = None, **options
    ):
        self.build = options.pop("build", None)
        super().__init__(attribute, **options)
        if fields is not None:
            self.fields = fields
            for name, field in fields.items():
                field.instance_name = field.instance_name or name

    def part(self, name):
        return self.fields.get(name)

    def convert(self, value):
        pairs = []
        for name, field in self.fields.items():
            found = step(value, field.attribute or name)
            pairs.append((name, None if found is MISSING else found))
        return dict(self.each(pairs, "convert"))

    def clean(self, value):
        if not isinstance(value, dict):
            raise self.wrong("an object")
        unknown = sorted(map(str, set(value) - set(self.fields)))
        if unknown:
            raise WrongValue(self.instance_name, f"has no {', '.join(unknown)}")
        for name, field in self.fields.items():
            missing = value.get(name, MISSING)
            if missing is None and not field.null:
                raise WrongValue(f"{self.instance_name}.{name}", "is null")
            if missing is MISSING and not (
                field.null or field.blank or field.has_default
            ):
                raise WrongValue(f"{self.instance_name}.{name}", "has no data")
        cleaned = {
            self.fields[name].attribute or name: each
            for name, each in self.each(value.items(), "clean")
        }
        return cleaned if self.build is None else self.build(cleaned)

    def schema(self):
        parts = {name: field.schema() for name, field in self.fields.items()}
        return super().schema() | {"fields": parts}

    def json_schema(self):
        return {
            "type": "object",
            "properties": {
                name: nullable(field) for name, field in self.fields.items()
            },
            "additionalProperties": False,
        }


def nullable(field: ApiField) -> dict[str, Any]:
    """The JSON Schema of a field's values, null among them where it may be."""
    found = field.json_schema() | field.limits
    if not field.null or not found:
        return found
    return {"anyOf": [found, {"type": "null"}]}
