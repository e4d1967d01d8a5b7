"""Values of `Meta.filtering` other than a list of lookups."""

from django.db.models.constants import LOOKUP_SEP

# All lookups but regular expressions.
ALL = 1
# The same, and the filters that the related resource allows.
ALL_WITH_RELATIONS = 2

__all__ = ["ALL", "ALL_WITH_RELATIONS", "LOOKUP_SEP"]
