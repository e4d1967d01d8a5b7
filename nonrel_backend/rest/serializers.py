"""Serializer: data as JSON, XML, YAML or MessagePack, and back."""

import base64
import datetime
import json
import math
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.duration import duration_iso_string
from django.utils.encoding import force_str
from django.utils.translation import gettext

from .bundle import Bundle
from .conf import setting
from .exceptions import (
    BadRequest,
    UnsupportedDeserializationFormat,
    UnsupportedSerializationFormat,
)
from .formats.checks import check_characters, check_data, too_deep
from .formats.xml import from_xml, to_xml
from .formats.yaml import Reader as YamlReader
from .utils.formatting import format_date, format_datetime, format_time
from .utils.timezone import make_naive

# The deepest nesting of received data.
MAX_DEPTH = 64
# The most values in a YAML body, which takes longer to read than others.
MAX_YAML_VALUES = 100_000
CONTENT_TYPES = {
    "json": "application/json",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "msgpack": "application/msgpack",
}
# Other content types of received data.
ALIASES = {
    "text/json": "json",
    "text/xml": "xml",
    "text/yaml": "yaml",
    "application/x-yaml": "yaml",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
}
# The optional library of a format, and its package.
NEEDED = {
    "xml": ("defusedxml.ElementTree", "defusedxml"),
    "yaml": ("yaml", "PyYAML"),
    "msgpack": ("msgpack", "msgpack"),
}


def needed(format_name: str) -> Any:
    """Return the library of a format. Raise ImproperlyConfigured if it is not
    installed.
    """
    module, package = NEEDED[format_name]
    try:
        return import_module(module)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"The format {format_name!r} needs {package}. Install it, or remove the "
            "format from the serializer's formats."
        ) from error


def is_installed(format_name: str) -> bool:
    """Return whether the library of a format is installed."""
    try:
        return format_name not in NEEDED or bool(needed(format_name))
    except ImproperlyConfigured:
        return False


def known_formatting(name: str, value: str | None) -> str | None:
    """Return a form of dates and times. Raise ImproperlyConfigured for an unknown one,
    which was given by `name`.
    """
    if value not in FORMATTINGS:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be one of "
            f"{', '.join(map(str, FORMATTINGS))}."
        )
    return value


@cache
def formatting_of_settings() -> str | None:
    """Return the form of dates and times of the setting; None for this package's."""
    return known_formatting("REST_DATETIME_FORMATTING", setting("DATETIME_FORMATTING"))


@receiver(setting_changed)
def forget_formatting(**kwargs: Any) -> None:
    """Read the setting again. Tests change settings."""
    formatting_of_settings.cache_clear()


def iso(value: datetime.datetime | datetime.time) -> str:
    """Return the ISO format, with Z for UTC as JavaScript writes it."""
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


# By the name of a datetime_formatting.
RFC_2822, STRICT = "rfc-2822", "iso-8601-strict"
FORMATTINGS = (None, "iso-8601", STRICT, RFC_2822)
DATES = {
    datetime.datetime: "format_datetime",
    datetime.date: "format_date",
    datetime.time: "format_time",
}
PLAIN_DATES: dict[type, Any] = {
    datetime.datetime: iso,
    datetime.date: datetime.date.isoformat,
    datetime.time: iso,
}
SIMPLE: dict[type, Any] = {
    datetime.timedelta: duration_iso_string,
    bytes: lambda value: base64.b64encode(value).decode(),
    memoryview: lambda value: base64.b64encode(bytes(value)).decode(),
    set: sorted,
    frozenset: sorted,
    tuple: list,
}


def reject_constant(name: str) -> NoReturn:
    """Raise ValueError for NaN and Infinity, which are not JSON."""
    raise ValueError(f"{name} is not valid JSON")


def reject_extension(code: int, data: bytes) -> NoReturn:
    """Raise ValueError for a type that only MessagePack has."""
    raise ValueError(f"the extension type {code} is not supported")


DECODER = json.JSONDecoder(parse_constant=reject_constant)


class Serializer:
    """Serializes and deserializes data in several formats.

    `formats` are the names of the supported formats; by default all that are installed.
    A subclass adds a format by the methods `to_NAME(data, options)` and
    `from_NAME(content)`, and its content type in `content_types`.
    """

    formats: list[str] = ["json", "xml", "yaml", "msgpack"]
    content_types: dict[str, str] = CONTENT_TYPES
    max_depth = MAX_DEPTH
    max_yaml_values = MAX_YAML_VALUES

    def __init__(
        self,
        formats: list[str] | None = None,
        content_types: dict[str, str] | None = None,
        datetime_formatting: str | None = None,
    ) -> None:
        if formats is not None:
            self.formats = list(formats)
        else:
            wanted = self.formats
            if wanted is Serializer.formats:
                wanted = setting("DEFAULT_FORMATS", wanted)
            self.formats = [each for each in wanted if is_installed(each)]
        self.content_types = {**self.content_types, **(content_types or {})}
        missing = [each for each in self.formats if each not in self.content_types]
        if missing:
            raise ImproperlyConfigured(
                f"The formats {missing} have no content type. Add them to "
                "content_types."
            )
        self.datetime_formatting = known_formatting(
            "datetime_formatting", datetime_formatting
        )
        # Whether dates and times may be formatted otherwise than in ISO 8601.
        self.has_own_dates = datetime_formatting is not None or any(
            getattr(type(self), name) is not getattr(Serializer, name)
            for name in DATES.values()
        )
        self.encoder = json.JSONEncoder(
            default=self.simplified, allow_nan=False, ensure_ascii=False
        )
        self.supported_formats = [self.content_types[each] for each in self.formats]
        self.other_names = [
            name for name, format_name in ALIASES.items() if format_name in self.formats
        ]

    def get_mime_for_format(self, format: str) -> str:
        """Return the content type of a format; JSON's if it is unknown."""
        return self.content_types.get(format, CONTENT_TYPES["json"])

    def format_of(self, content_type: str) -> str | None:
        """Return the name of the format of a content type, or None."""
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
        """Serialize data in the format of a content type.

        Raise UnsupportedSerializationFormat if it is not supported.
        """
        name = self.format_of(format)
        if name is None or not hasattr(self, f"to_{name}"):
            raise UnsupportedSerializationFormat(
                gettext("Unsupported format %(format)r. Supported formats: %(value)s.")
                % {"format": format, "value": ", ".join(self.supported_formats)}
            )
        return getattr(self, f"to_{name}")(data, options)

    def deserialize(
        self, content: bytes | str, format: str = "application/json"
    ) -> Any:
        """Deserialize a body in the format of a content type.

        Raise UnsupportedDeserializationFormat if it is not supported, and BadRequest if
        the body is invalid.
        """
        name = self.format_of(format)
        if name is None or not hasattr(self, f"from_{name}"):
            readable = [
                self.content_types[each]
                for each in self.formats
                if hasattr(self, f"from_{each}")
            ]
            raise UnsupportedDeserializationFormat(
                gettext(
                    "Unsupported content type %(format)r. Supported content types: "
                    "%(value)s."
                )
                % {"format": format, "value": ", ".join(readable)}
            )
        try:
            data = getattr(self, f"from_{name}")(content)
        except RecursionError as error:
            raise BadRequest(gettext("The body is nested too deeply.")) from error
        check_data(data, self.max_depth, is_json=name == "json")
        check_characters(content, data, self.simplified)
        return data

    def to_simple(self, data: Any, options: dict[str, Any] | None = None) -> Any:
        """Return data as dictionaries, lists, strings, numbers, booleans and None."""
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
        # Subclasses, such as those of an enumeration, become plain ones.
        if isinstance(data, str):
            return str.__str__(data)
        if isinstance(data, int):
            return int(data)
        return self.simplified(data)

    def simplified(self, value: Any) -> Any:
        """Return a value of a type that no format has as one of a simple type."""
        if isinstance(value, Bundle):
            return value.data
        kind = type(value)
        if kind in DATES:
            if self.has_own_dates or formatting_of_settings() is not None:
                return getattr(self, DATES[kind])(value)
            return PLAIN_DATES[kind](value)
        simple = SIMPLE.get(kind)
        return force_str(value) if simple is None else simple(value)

    # --- dates and times ---

    @property
    def formatting(self) -> str | None:
        """The form of dates and times: the serializer's own, or the setting's."""
        return self.datetime_formatting or formatting_of_settings()

    def format_datetime(self, data: datetime.datetime) -> str:
        """Return a moment as text: in ISO 8601 with its offset, or as the formatting
        says. The others are in the default time zone, and those in ISO 8601 naive.
        """
        form = self.formatting
        if form is None:
            return iso(data)
        if form == RFC_2822:
            return format_datetime(data)
        data = make_naive(data)
        return (data.replace(microsecond=0) if form == STRICT else data).isoformat()

    def format_date(self, data: datetime.date) -> str:
        """Return a date as text."""
        if self.formatting == RFC_2822:
            return format_date(data)
        return data.isoformat()

    def format_time(self, data: datetime.time) -> str:
        """Return a time as text."""
        form = self.formatting
        if form == RFC_2822:
            return format_time(data)
        return iso(data.replace(microsecond=0) if form == STRICT else data)

    # --- JSON ---

    def to_json(self, data: Any, options: dict[str, Any] | None = None) -> str:
        """Serialize data as JSON."""
        try:
            return self.encoder.encode(data)
        except (ValueError, TypeError):  # infinity, or a key that is not a string
            return json.dumps(self.to_simple(data, options), ensure_ascii=False)

    def from_json(self, content: bytes | str) -> Any:
        """Deserialize JSON."""
        try:
            if isinstance(content, bytes):
                content = content.decode(json.detect_encoding(content), "surrogatepass")
            return DECODER.decode(content)
        except ValueError as error:
            raise BadRequest(
                gettext("The body is not valid JSON: %(error)s") % {"error": error}
            ) from error

    # --- XML ---

    def to_xml(self, data: Any, options: dict[str, Any] | None = None) -> bytes:
        """Serialize data as XML."""
        return to_xml(self.to_simple(data))

    def from_xml(self, content: bytes | str) -> Any:
        """Deserialize XML."""
        needed("xml")
        return from_xml(content)

    # --- YAML ---

    def to_yaml(self, data: Any, options: dict[str, Any] | None = None) -> str:
        """Serialize data as YAML."""
        yaml = needed("yaml")
        return yaml.dump(
            self.to_simple(data),
            Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
            sort_keys=False,
            allow_unicode=True,
        )

    def from_yaml(self, content: bytes | str) -> Any:
        """Deserialize YAML without aliases."""
        yaml = needed("yaml")
        try:
            return YamlReader(
                yaml, content, self.max_depth, self.max_yaml_values
            ).document()
        except (yaml.YAMLError, ValueError) as error:
            if "nesting depth" in str(error):  # libyaml's own limit
                raise too_deep(self.max_depth) from error
            raise BadRequest(
                gettext("The body is not valid YAML: %(error)s") % {"error": error}
            ) from error

    # --- MessagePack ---

    def to_msgpack(self, data: Any, options: dict[str, Any] | None = None) -> bytes:
        """Serialize data as MessagePack."""
        data = self.to_simple(data)
        try:
            return needed("msgpack").packb(data)
        except OverflowError as error:
            raise UnsupportedSerializationFormat(
                gettext("A number is too large for MessagePack. Request JSON instead.")
            ) from error

    def from_msgpack(self, content: bytes) -> Any:
        """Deserialize MessagePack."""
        msgpack = needed("msgpack")
        try:
            return msgpack.unpackb(content, timestamp=3, ext_hook=reject_extension)
        except (ValueError, OverflowError, msgpack.UnpackException) as error:
            raise BadRequest(
                gettext("The body is not valid MessagePack: %(error)s")
                % {"error": error}
            ) from error
