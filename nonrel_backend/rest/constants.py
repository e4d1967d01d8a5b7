"""What `Meta.filtering` may hold besides lists of lookups."""

from django.db.models.constants import LOOKUP_SEP

ALL = 1
ALL_WITH_RELATIONS = 2

__all__ = ["ALL", "ALL_WITH_RELATIONS", "LOOKUP_SEP"]
