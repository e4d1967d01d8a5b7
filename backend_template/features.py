"""What the store can do, and which of Django's own tests it cannot pass."""

from nonrel_backend.features import NonrelDatabaseFeatures, merged


class DatabaseFeatures(NonrelDatabaseFeatures):
    # TODO: remove these if the store has no transactions or no savepoints.
    supports_transactions = uses_savepoints = True
    # TODO: {reason: {"app.tests.Class.test"}} of what `django-suite` is to skip.
    django_test_skips = merged(NonrelDatabaseFeatures.django_test_skips, {})
