"""System checks of a Riak database: guarantees that the settings do not mention."""

from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

# The warning for a database whose OPTIONS do not set this option: (id, message, hint).
UNSET = {
    "transactions": (
        "nonrel_backend.W001",
        "Riak has no transactions: atomic() does nothing on {}, and an error inside it "
        "does not undo what was written before.",
        "Set OPTIONS['transactions'] to 'refuse' to make atomic() an error, or to "
        "'none' to accept this.",
    ),
    "unique": (
        "nonrel_backend.W002",
        "Unique values are best effort on {}: several writers at the same moment may "
        "store one value.",
        "Set OPTIONS['unique'] to 'strong' and OPTIONS['unique_type'] to a strongly "
        "consistent bucket type, or OPTIONS['unique'] to 'markers' to accept this.",
    ),
}


@register(Tags.compatibility)
def check_options(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn of what Riak does not guarantee, unless the option is set."""
    return [
        Warning(message.format(repr(alias)), hint=hint, id=id)
        for alias in connections
        if connections[alias].vendor == "riak"
        for option, (id, message, hint) in UNSET.items()
        if option not in connections[alias].settings_dict["OPTIONS"]
    ]
