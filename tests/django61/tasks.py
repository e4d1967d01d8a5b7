"""A task that reads and writes the database."""

from django.tasks import task

from tests.library.models import Counter


@task
def count_up(name, by=1):
    """Add to a counter in the database; return its value."""
    counter, _ = Counter.objects.get_or_create(name=name)
    counter.value += by
    counter.save()
    return counter.value
