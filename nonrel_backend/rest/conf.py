"""Settings: `REST_…`, or `TASTYPIE_…` of a project that moves from there."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def setting(name: str, default: Any = None) -> Any:
    """Return a setting by its name without the prefix."""
    try:
        old = getattr(settings, f"TASTYPIE_{name}", default)
        return getattr(settings, f"REST_{name}", old)
    except ImproperlyConfigured:  # imported without settings
        return default
