"""Fields of plain values: text, numbers, dates, bytes."""

import base64
import binascii
import datetime
import decimal
import math
import mimetypes
import re
import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.utils import dateparse, timezone
from django.utils.translation import gettext, gettext_lazy

from ..bundle import Bundle
from ..utils.formatting import parse_date, parse_datetime, parse_time
from .base import NOT_PROVIDED, ApiField

NUMBERS = (int, float, decimal.Decimal)
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class CharField(ApiField):
    """A string of any length."""

    help_text = gettext_lazy('Unicode string data. Ex: "Hello World"')

    def convert(self, value: Any) -> str:
        return value if type(value) is str else str(value)

    def clean(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(
            value, str | int | float | decimal.Decimal | uuid.UUID | datetime.date
        ):
            raise self.wrong(gettext("a string"))
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self.wrong(gettext("a string of complete characters")) from error
        return text


DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[^;,]*)*;base64,")


class FileField(CharField):
    """A file, shown by its URL. A ModelResource stores what is uploaded: in a form, as
    a data URI, or as an object with its name and its content in base64.
    """

    help_text = gettext_lazy(
        "A file URL as a string. Ex: "
        '"http://media.example.com/photo.jpg". To upload a file: a '
        'data URI, or {"name": "photo.jpg", "content": '
        '"<base64>"}'
    )

    def convert(self, value: Any) -> Any:
        if not value:
            return None  # no file
        try:
            return value.url
        except (AttributeError, NotImplementedError, ValueError):
            return str(value)  # a text, or a file of a storage without URLs

    def read(self, value: Any, bundle: Bundle) -> Any:
        if isinstance(value, str) and value == self.dehydrate(bundle):
            return NOT_PROVIDED
        can_store = getattr(self._resource, "stores_files", False)
        upload = self.upload_of(value) if can_store else None
        if upload is None:
            raise self.wrong(gettext("its current URL, a file, or null"))
        most = self._resource._meta.max_upload_size
        if most is not None and upload.size > most:
            raise self.wrong(
                gettext("a file of at most %(most)s bytes") % {"most": most}
            )
        # What validation and hooks see.
        bundle.data[self.instance_name] = upload
        return upload

    def upload_of(self, value: Any) -> UploadedFile | None:
        """Return the file that data contains; None if it contains none."""
        if isinstance(value, UploadedFile):
            return value
        if isinstance(value, dict):
            name, content = value.get("name"), value.get("content")
            if set(value) != {"name", "content"} or not isinstance(name, str):
                return None
        else:
            found = DATA_URI.match(value) if isinstance(value, str) else None
            if found is None:
                return None
            name = f"upload{mimetypes.guess_extension(found[1] or '') or ''}"
            content = value[found.end() :]
        try:
            read = base64.b64decode(content or "", validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise self.wrong(gettext("a file with its content in base64")) from error
        try:
            upload = SimpleUploadedFile(name, read)
        except SuspiciousFileOperation:
            upload = None
        if upload is None or "\x00" in str(upload.name):
            raise self.wrong(gettext("a file with a name"))
        return upload

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uri-reference"}


class NumberField(ApiField):
    """The base of the number fields. A subclass implements `number`."""

    wanted = gettext_lazy("a finite number")

    def number(self, value: Any) -> Any:
        """Return the value as a number. Raise ValueError or ArithmeticError if it is
        none.
        """
        raise NotImplementedError

    def clean(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, *NUMBERS)):
            raise self.wrong(self.wanted)
        try:
            return self.number(value)
        except (ValueError, ArithmeticError) as error:
            raise self.wrong(self.wanted) from error


class IntegerField(NumberField):
    """An integer."""

    dehydrated_type = "integer"
    help_text = gettext_lazy("Integer data. Ex: 2673")
    wanted = gettext_lazy("an integer")

    def convert(self, value: Any) -> int:
        return int(value)

    def number(self, value: Any) -> int:
        number = int(value)
        if not isinstance(value, str) and number != value:
            raise ValueError(value)
        return number

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer"}


class FloatField(NumberField):
    """A floating point number."""

    dehydrated_type = "float"
    help_text = gettext_lazy("Floating point numeric data. Ex: 26.73")

    def convert(self, value: Any) -> float:
        return float(value)

    def number(self, value: Any) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(value)
        return number

    def json_schema(self) -> dict[str, Any]:
        return {"type": "number"}


class DecimalField(NumberField):
    """A decimal number, shown as a string so that it stays exact."""

    dehydrated_type = "decimal"
    help_text = gettext_lazy('Fixed precision numeric data. Ex: "26.73"')

    def convert(self, value: Any) -> decimal.Decimal:
        return value if isinstance(value, decimal.Decimal) else decimal.Decimal(value)

    def number(self, value: Any) -> decimal.Decimal:
        number = decimal.Decimal(str(value))
        if not number.is_finite():
            raise ValueError(value)
        return number

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "decimal"}


class BooleanField(ApiField):
    """A boolean."""

    dehydrated_type = "boolean"
    help_text = gettext_lazy("Boolean data. Ex: True")

    def convert(self, value: Any) -> bool:
        return bool(value)

    def clean(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        found = BOOLEANS.get(str(value).lower())
        if found is None or isinstance(value, float | list | dict):
            raise self.wrong(gettext("true or false"))
        return found

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class ParsedField(ApiField):
    """The base of the fields of dates and times, which Django's parsers read."""

    value_class: type = object
    wanted = ""

    @staticmethod
    def parse(text: str) -> Any:
        """Parse a string. Return None or raise ValueError if it is invalid."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        return self.clean(value) if isinstance(value, str) else value

    def clean(self, value: Any) -> Any:
        if type(value) is self.value_class:
            return value
        try:
            found = self.parse(value) if isinstance(value, str) else None
        except ValueError:  # well formed, but not a date or time that exists
            found = None
        if found is None:
            raise self.wrong(self.wanted)
        return found


class DateField(ParsedField):
    """A date."""

    dehydrated_type = "date"
    help_text = gettext_lazy('A date as a string. Ex: "2010-11-10"')
    value_class = datetime.date
    wanted = gettext_lazy("a date, such as 2010-11-10")

    @staticmethod
    def parse(text: str) -> Any:
        moment = parse_date(text) or parse_datetime(text)
        return moment.date() if isinstance(moment, datetime.datetime) else moment

    def convert(self, value: Any) -> Any:
        value = super().convert(value)
        return value.date() if isinstance(value, datetime.datetime) else value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class DateTimeField(ParsedField):
    """A date and time. Without an offset it is in the current time zone."""

    dehydrated_type = "datetime"
    help_text = gettext_lazy('A date & time as a string. Ex: "2010-11-10T03:07:43"')
    value_class = datetime.datetime
    wanted = gettext_lazy("a date and time, such as 2010-11-10T03:07:43Z")

    parse = staticmethod(parse_datetime)

    def clean(self, value: Any) -> Any:
        if type(value) is datetime.date:
            value = datetime.datetime(value.year, value.month, value.day)
        return self.in_zone(super().clean(value))

    def in_zone(self, moment: datetime.datetime) -> datetime.datetime:
        """Return the moment as USE_TZ demands and as stores return it: in UTC, or
        naive.
        """
        try:
            if settings.USE_TZ and timezone.is_naive(moment):
                moment = timezone.make_aware(moment)
            if settings.USE_TZ:
                return moment.astimezone(datetime.UTC)
            if timezone.is_aware(moment):
                return timezone.make_naive(moment)
        except (ValueError, OverflowError) as error:
            raise self.wrong(gettext("between the years 1 and 9999")) from error
        return moment

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class TimeField(ParsedField):
    """A time of day."""

    dehydrated_type = "time"
    help_text = gettext_lazy('A time as string. Ex: "20:05:23"')
    value_class = datetime.time
    wanted = gettext_lazy("a time, such as 20:05:23")
    parse = staticmethod(parse_time)


class DurationField(ParsedField):
    """A duration."""

    dehydrated_type = "duration"
    help_text = gettext_lazy('A duration as a string. Ex: "P1DT00H00M20S"')
    value_class = datetime.timedelta
    wanted = gettext_lazy("a duration, such as P1DT00H00M20S")

    @staticmethod
    def parse(text: str) -> Any:
        try:
            return dateparse.parse_duration(text)
        except (OverflowError, decimal.InvalidOperation) as error:
            raise ValueError(text) from error


class UUIDField(ApiField):
    """A UUID."""

    dehydrated_type = "uuid"
    help_text = gettext_lazy(
        'A UUID as a string. Ex: "6fa459ea-ee8a-3ca4-894e-db77e160355e"'
    )

    def convert(self, value: Any) -> str:
        return str(value)

    def clean(self, value: Any) -> uuid.UUID:
        try:
            return uuid.UUID(value)
        except (ValueError, AttributeError, TypeError) as error:
            raise self.wrong(gettext("a UUID")) from error

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


class BinaryField(ApiField):
    """Bytes, shown in base64."""

    dehydrated_type = "binary"
    help_text = gettext_lazy('Bytes in base64. Ex: "aGVsbG8="')

    def convert(self, value: Any) -> str:
        if isinstance(value, str):  # of a document, which has them in base64
            return value
        return base64.b64encode(bytes(value)).decode()

    def clean(self, value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise self.wrong(gettext("bytes in base64")) from error

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64"}
