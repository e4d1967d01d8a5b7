"""System checks: warnings about guarantees that Riak does not give."""

from typing import Any

from django.core.checks import Tags, Warning, register
from django.db import connections

# Warnings for databases that do not set an option: {option: (id, text, hint)}.
WARNINGS = {
    "transactions": (
        "nonrel_backend.W001",
        "Riak has no transactions: atomic() does nothing on {}, and after an error in "
        "it earlier writes stay.",
        "Set OPTIONS['transactions'] to 'refuse' to have atomic() raise an error, or "
        "to 'none' to silence this warning.",
    ),
    "unique": (
        "nonrel_backend.W002",
        "Unique values are best effort on {}: several concurrent writers may store "
        "the same value.",
        "Set OPTIONS['unique'] to 'strong' and OPTIONS['unique_type'] to a strongly "
        "consistent bucket type, or OPTIONS['unique'] to 'markers' to silence this "
        "warning.",
    ),
}


@register(Tags.compatibility)
def unsaid_options(app_configs: Any, **options: Any) -> list[Warning]:
    """Return a warning for each option of WARNINGS that a Riak database leaves out."""
    return [
        Warning(text.format(repr(alias)), hint=hint, id=number)
        for alias in connections
        if connections[alias].vendor == "riak"
        for option, (number, text, hint) in WARNINGS.items()
        if option not in connections[alias].settings_dict["OPTIONS"]
    ]
