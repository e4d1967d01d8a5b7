"""The tasks framework, with tasks that read and write the database."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.tasks import TaskResultStatus, default_task_backend
from django.test import override_settings

DUMMY = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}


@pytest.fixture
def count_up(library):
    from .tasks import count_up

    return count_up


def test_a_task_writes_at_once(library, count_up):
    assert count_up.enqueue("a", by=2).return_value == 2
    result = count_up.enqueue("a")
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 3)
    assert library.Counter.objects.get().value == 3


def test_a_failed_task_tells_the_error_of_the_database(count_up):
    result = count_up.enqueue("a", by=2**70)
    assert result.status == TaskResultStatus.FAILED
    assert [each.exception_class_path for each in result.errors] == [
        "django.db.utils.DataError"
    ]


def test_a_task_that_waits_for_the_commit(library, count_up):
    if not connection.features.supports_transactions:
        pytest.skip("There are no transactions to wait for.")
    with transaction.atomic():
        transaction.on_commit(lambda: count_up.enqueue("a"))
        assert not library.Counter.objects.exists()
    assert library.Counter.objects.get().value == 1


def test_a_task_of_an_async_caller(library, count_up):
    assert async_to_sync(count_up.aenqueue)("a").return_value == 1
    assert library.Counter.objects.get().value == 1


def test_a_task_that_is_only_kept_is_not_run(library, count_up):
    with override_settings(TASKS=DUMMY):
        count_up.enqueue("a")
        assert len(default_task_backend.results) == 1
    assert not library.Counter.objects.exists()
