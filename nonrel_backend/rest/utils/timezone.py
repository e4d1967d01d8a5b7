"""Moments, aware of their zone if USE_TZ is set."""

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone


def make_aware(value: datetime) -> datetime:
    """Return a naive moment in the default time zone, if USE_TZ is set."""
    if settings.USE_TZ and timezone.is_naive(value):
        return timezone.make_aware(value, timezone.get_default_timezone())
    return value


def make_naive(value: datetime) -> datetime:
    """Return an aware moment as a naive one in the default time zone, if USE_TZ is
    set.
    """
    if settings.USE_TZ and timezone.is_aware(value):
        return timezone.make_naive(value, timezone.get_default_timezone())
    return value


def make_naive_utc(value: datetime) -> datetime:
    """Return an aware moment as a naive one in UTC."""
    return timezone.make_naive(value, UTC)


def now() -> datetime:
    """Return the moment, in the current time zone if USE_TZ is set."""
    found = timezone.now()
    return timezone.localtime(found) if timezone.is_aware(found) else found


def aware_date(*args: Any, **kwargs: Any) -> date:
    """Return a date, which has no zone."""
    return date(*args, **kwargs)


def aware_datetime(*args: Any, **kwargs: Any) -> datetime:
    """Return a moment in the default time zone, if USE_TZ is set."""
    return make_aware(datetime(*args, **kwargs))
