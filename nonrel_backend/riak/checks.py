"""System checks: what a project on Riak should know before it starts."""

from collections.abc import Iterator

from django.core.checks import Tags, Warning, register
from django.db import connections


def aliases_without(option: str) -> Iterator[str]:
    """The databases on Riak whose settings do not say what they want of it."""
    for alias in connections:
        options = connections[alias].settings_dict["OPTIONS"]
        if connections[alias].vendor == "riak" and option not in options:
            yield alias


@register(Tags.compatibility)
def no_transactions(app_configs, **options):
    """Say once that atomic() does nothing, unless the settings say what it is to do."""
    return [
        Warning(
            f"Riak has no transactions: atomic() does nothing on {alias!r}, and an "
            "error in it leaves what was written before.",
            hint="Set OPTIONS['transactions'] to 'refuse' to have it raise an error, "
            "or to 'none' to say that this is known.",
            id="nonrel_backend.W001",
        )
        for alias in aliases_without("transactions")
    ]


@register(Tags.compatibility)
def unique_by_markers(app_configs, **options):
    """Say once that unique values are best effort, unless the settings say so."""
    return [
        Warning(
            f"Unique values are best effort on {alias!r}: of writers who want one at "
            "the same moment more than one may have it.",
            hint="Set OPTIONS['unique'] to 'strong' and OPTIONS['unique_type'] to a "
            "strongly consistent bucket type, or the former to 'markers' to say that "
            "this is known.",
            id="nonrel_backend.W002",
        )
        for alias in aliases_without("unique")
    ]
