"""System checks: what a project on Riak should know before it starts."""

from django.core.checks import Tags, Warning, register
from django.db import connections

# By option, what is said once of a database whose settings do not say what they want:
# (id, text, hint).
UNSAID = {
    "transactions": (
        "nonrel_backend.W001",
        "Riak has no transactions: atomic() does nothing on {}, and an error in it "
        "leaves what was written before.",
        "Set OPTIONS['transactions'] to 'refuse' to have it raise an error, or to "
        "'none' to say that this is known.",
    ),
    "unique": (
        "nonrel_backend.W002",
        "Unique values are best effort on {}: of writers who want one at the same "
        "moment more than one may have it.",
        "Set OPTIONS['unique'] to 'strong' and OPTIONS['unique_type'] to a strongly "
        "consistent bucket type, or the former to 'markers' to say that this is known.",
    ),
}


@register(Tags.compatibility)
def unsaid_options(app_configs, **options):
    """What Riak does not guarantee, where the settings do not say that it is known."""
    return [
        Warning(text.format(repr(alias)), hint=hint, id=number)
        for alias in connections
        if connections[alias].vendor == "riak"
        for option, (number, text, hint) in UNSAID.items()
        if option not in connections[alias].settings_dict["OPTIONS"]
    ]
