"""Dates and times in the form of emails (RFC 2822), and from text of any known form."""

from datetime import date, datetime, time
from email.utils import format_datetime as email_format
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils import dateparse
from django.utils import timezone as zones

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def format_datetime(value: datetime) -> str:
    """Return a moment as "Thu, 16 Dec 2010 03:02:14 +0100", in the default time
    zone.
    """
    if zones.is_naive(value):
        value = zones.make_aware(value, zones.get_default_timezone())
    return email_format(zones.localtime(value, zones.get_default_timezone()))


def format_date(value: date) -> str:
    """Return a date as "16 Dec 2010"."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year:04}"


def format_time(value: time) -> str:
    """Return a time as "03:02:14 +0100", in the default time zone."""
    moment = datetime(2000, 1, 1, value.hour, value.minute, value.second)
    return format_datetime(moment)[17:]


def parse_datetime(text: str) -> datetime | None:
    """Return the moment of a text in ISO 8601 or RFC 2822; None if it is in neither.

    Raise ValueError for a moment that does not exist.
    """
    found = dateparse.parse_datetime(text)
    if found is None and (day := parse_date(text)):
        found = datetime(day.year, day.month, day.day)
    if found is None and "," in text:
        found = parsedate_to_datetime(text)
    return found


def parse_date(text: str) -> date | None:
    """Return the date of a text such as "2010-12-16" or "16 Dec 2010", or None."""
    day, _, rest = text.partition(" ")
    month, _, year = rest.partition(" ")
    if month in MONTHS and day.isdecimal() and year.isdecimal():
        return date(int(year), MONTHS.index(month) + 1, int(day))
    return dateparse.parse_date(text)


def parse_time(text: str) -> time | None:
    """Return the time of a text such as "03:02:14" or "03:02:14 +0100", or None."""
    clock, _, offset = text.partition(" ")
    is_offset = offset[:1] in ("+", "-") and offset[1:].isdecimal()
    return dateparse.parse_time(clock if is_offset else text)


def mk_datetime(text: str) -> Any:
    """Return the moment of a text. Raise ValueError if it is none."""
    found = parse_datetime(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date and time.")
    return found
