"""System checks: what a project on Riak should know before it starts."""

from django.core.checks import Tags, Warning, register
from django.db import connections


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
        for alias in connections
        if connections[alias].vendor == "riak"
        and "transactions" not in connections[alias].settings_dict["OPTIONS"]
    ]
