"""Data as JSON, XML, YAML or MessagePack, and back, within limits."""

import base64
import datetime
import json
import math
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.duration import duration_iso_string
from django.utils.encoding import force_str

from .bundle import Bundle
from .exceptions import (
    BadRequest,
    UnsupportedDeserializationFormat,
    UnsupportedSerializationFormat,
)
from .formats.xml import from_xml, to_xml

# How deep data may be nested.
MAX_DEPTH = 64
CONTENT_TYPES = {
    "json": "application/json",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "msgpack": "application/msgpack",
}
# Other names that a body may come by.
ALIASES = {
    "text/json": "json",
    "text/xml": "xml",
    "text/yaml": "yaml",
    "application/x-yaml": "yaml",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
}
# What each format needs that may not be installed, and who brings it.
NEEDED = {
    "xml": ("defusedxml.ElementTree", "defusedxml"),
    "yaml": ("yaml", "PyYAML"),
    "msgpack": ("msgpack", "msgpack"),
}


def needed(format_name: str) -> Any:
    """The library of a format."""
    from importlib import import_module

    module, package = NEEDED[format_name]
    try:
        return import_module(module)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"The format {format_name!r} needs {package}: install it, or leave the "
            "format out of the serializer's formats."
        ) from error


def is_installed(format_name: str) -> bool:
    try:
        return format_name not in NEEDED or bool(needed(format_name))
    except ImproperlyConfigured:
        return False


def iso(value: datetime.datetime | datetime.time) -> str:
    """With Z for UTC, as JavaScript writes it."""
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


SIMPLE: dict[type, Any] = {
    datetime.datetime: iso,
    datetime.time: iso,
    datetime.date: datetime.date.isoformat,
    datetime.timedelta: duration_iso_string,
    bytes: lambda value: base64.b64encode(value).decode(),
    memoryview: lambda value: base64.b64encode(bytes(value)).decode(),
    set: sorted,
    frozenset: sorted,
    tuple: list,
}


def simplified(value: Any) -> Any:
    """A value that no format has, by one that they have."""
    if isinstance(value, Bundle):
        return value.data
    simple = SIMPLE.get(type(value))
    return force_str(value) if simple is None else simple(value)


def refused(name: str):
    raise ValueError(f"{name} is no number in JSON")


ENCODER = json.JSONEncoder(default=simplified, allow_nan=False, ensure_ascii=False)
DECODER = json.JSONDecoder(parse_constant=refused)


class Serializer:
    """`formats` are the names of the formats that are spoken.

    A subclass adds a format by `to_NAME(data, options)`, `from_NAME(content)` and its
    place in `content_types`.
    """

    formats: list[str] = ["json", "xml", "yaml", "msgpack"]
    content_types: dict[str, str] = CONTENT_TYPES
    max_depth = MAX_DEPTH

    def __init__(
        self,
        formats: list[str] | None = None,
        content_types: dict[str, str] | None = None,
        datetime_formatting: str | None = None,
    ):
        if formats is not None:
            self.formats = list(formats)
        else:
            self.formats = [each for each in self.formats if is_installed(each)]
        self.content_types = {**self.content_types, **(content_types or {})}
        missing = [each for each in self.formats if each not in self.content_types]
        if missing:
            raise ImproperlyConfigured(
                f"The formats {missing} have no content type: add them to "
                "content_types."
            )
        self.datetime_formatting = datetime_formatting
        self.supported_formats = [self.content_types[each] for each in self.formats]
        self.other_names = [
            name for name, format_name in ALIASES.items() if format_name in self.formats
        ]

    def get_mime_for_format(self, name: str) -> str:
        return self.content_types.get(name, CONTENT_TYPES["json"])

    def format_of(self, content_type: str) -> str | None:
        """The name of the format that a content type is of."""
        media_type = content_type
        if media_type not in self.supported_formats:
            media_type = content_type.split(";")[0].strip().lower()
        for name in self.formats:
            if self.content_types[name] == media_type:
                return name
        other = ALIASES.get(media_type)
        return other if other in self.formats else None

    def serialize(
        self,
        data: Any,
        format: str = "application/json",
        options: dict[str, Any] | None = None,
    ) -> str | bytes:
        name = self.format_of(format)
        if name is None or not hasattr(self, f"to_{name}"):
            raise UnsupportedSerializationFormat(f"There is no format {format!r} here.")
        return getattr(self, f"to_{name}")(data, options)

    def deserialize(self, content: bytes | str, format: str = "application/json"):
        name = self.format_of(format)
        if name is None or not hasattr(self, f"from_{name}"):
            raise UnsupportedDeserializationFormat(
                f"A body of the type {format!r} cannot be read here; these can: "
                f"{', '.join(self.supported_formats)}."
            )
        try:
            data = getattr(self, f"from_{name}")(content)
        except RecursionError as error:
            raise BadRequest("The body is nested too deep.") from error
        self.check_depth(data)
        if name != "json":  # which has no others
            self.check_names(data)
        self.check_characters(content, data)
        return data

    def check_characters(self, content: bytes | str, data: Any) -> None:
        """Half a character, which only an escape can write, has no place anywhere."""
        written = content if isinstance(content, bytes) else content.encode()
        if b"\\" not in written:
            return
        try:
            json.dumps(data, default=simplified, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise BadRequest("The body has half of a character in a text.") from error
        except TypeError:
            pass  # a key that is no text: its field will say so

    def check_names(self, data: Any) -> None:
        """The names in an object are texts."""
        if isinstance(data, dict):
            if not all(isinstance(name, str) for name in data):
                raise BadRequest("The body has a name that is no text.")
            data = data.values()
        elif not isinstance(data, list):
            return
        for part in data:
            self.check_names(part)

    def check_depth(self, data: Any) -> None:
        level = [data]
        for _ in range(self.max_depth):
            level = [
                part
                for each in level
                if isinstance(each, dict | list)
                for part in (each.values() if isinstance(each, dict) else each)
            ]
            if not level:
                return
        raise self.too_deep()

    def too_deep(self) -> BadRequest:
        return BadRequest(f"The body is nested deeper than {self.max_depth} levels.")

    def to_simple(self, data: Any, options: dict[str, Any] | None = None) -> Any:
        """Data in dictionaries, lists, texts, numbers, booleans and None alone."""
        if isinstance(data, Bundle):
            data = data.data
        if isinstance(data, dict):
            return {
                force_str(name): self.to_simple(value, options)
                for name, value in data.items()
            }
        if isinstance(data, list | tuple | set | frozenset):
            return [self.to_simple(value, options) for value in data]
        if isinstance(data, float):
            return data if math.isfinite(data) else None
        if data is None or isinstance(data, bool):
            return data
        # Those of a store or of an enumeration are kinds of their own.
        if isinstance(data, str):
            return str.__str__(data)
        if isinstance(data, int):
            return int(data)
        return simplified(data)

    # --- JSON ---

    def to_json(self, data: Any, options: dict[str, Any] | None = None) -> str:
        try:
            return ENCODER.encode(data)
        except (ValueError, TypeError):  # no finite number, or a key that is no text
            return json.dumps(self.to_simple(data, options), ensure_ascii=False)

    def from_json(self, content: bytes | str) -> Any:
        try:
            if isinstance(content, bytes):
                content = content.decode(json.detect_encoding(content), "surrogatepass")
            return DECODER.decode(content)
        except ValueError as error:
            raise BadRequest(f"The body is not valid JSON: {error}") from error

    # --- XML ---

    def to_xml(self, data: Any, options: dict[str, Any] | None = None) -> bytes:
        return to_xml(self.to_simple(data))

    def from_xml(self, content: bytes | str) -> Any:
        needed("xml")
        return from_xml(content)

    # --- YAML ---

    def to_yaml(self, data: Any, options: dict[str, Any] | None = None) -> str:
        return needed("yaml").safe_dump(
            self.to_simple(data), sort_keys=False, allow_unicode=True
        )

    def from_yaml(self, content: bytes | str) -> Any:
        yaml = needed("yaml")
        try:
            self.check_tokens(yaml, content)
            return yaml.safe_load(content)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            raise BadRequest(f"The body is not valid YAML: {error}") from error

    def check_tokens(self, yaml: Any, content: bytes | str) -> None:
        """Refuse aliases, which may stand for more than memory holds, and what is
        nested too deep, which takes PyYAML the square of its depth.
        """
        depth = 0
        for token in yaml.scan(content):
            if isinstance(token, yaml.AliasToken):
                raise BadRequest("The body has YAML aliases, which are not read.")
            name = type(token).__name__
            depth += name.endswith(("SequenceStartToken", "MappingStartToken"))
            depth -= name.endswith(
                ("SequenceEndToken", "MappingEndToken", "BlockEndToken")
            )
            if depth > self.max_depth:
                raise self.too_deep()

    # --- MessagePack ---

    def to_msgpack(self, data: Any, options: dict[str, Any] | None = None) -> bytes:
        data = self.to_simple(data)
        try:
            return needed("msgpack").packb(data)
        except OverflowError as error:
            raise UnsupportedSerializationFormat(
                "A number is too large for MessagePack; ask for JSON."
            ) from error

    def from_msgpack(self, content: bytes) -> Any:
        msgpack = needed("msgpack")
        try:
            return msgpack.unpackb(content, timestamp=3)
        except (ValueError, msgpack.UnpackException) as error:
            raise BadRequest(f"The body is not valid MessagePack: {error}") from error
