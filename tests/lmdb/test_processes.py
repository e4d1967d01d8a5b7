"""Many processes and threads on one store: readers, writers, forks and kills."""

import os
import random
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import OperationalError, transaction

KILLS = int(os.environ.get("LMDB_KILLS") or 200)


@contextmanager
def child(work):
    """Fork a process that does `work(say, hear)`; yield (say, hear, pid) to talk to it.

    Messages are lines of text. The process ends with the block.
    """
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(from_parent)
            os.close(to_parent)
            with os.fdopen(to_child) as lines:
                work(lambda text: os.write(from_child, f"{text}\n".encode()), lines)
            status = 0
        finally:
            os._exit(status)
    os.close(to_child)
    os.close(from_child)
    with os.fdopen(to_parent) as lines:
        try:
            yield lambda text: os.write(from_parent, f"{text}\n".encode()), lines, pid
        finally:
            os.close(from_parent)
            os.waitpid(pid, 0)


def authors():
    from tests.library.models import Author

    return Author.objects.using("own")


def books():
    from tests.library.models import Book

    return Book.objects.using("own")


def counters():
    from tests.library.models import Counter

    return Counter.objects.using("own")


def names():
    return sorted(authors().values_list("name", flat=True))


def add(name):
    return authors().create(name=name)


def hold_a_transaction(say, hear):
    with transaction.atomic(using="own"):
        add("child's")
        say("written")
        hear.readline()
    say("committed")


def test_readers_do_not_wait_for_a_writer_and_see_committed_rows(store):
    add("before")
    with child(hold_a_transaction) as (say, hear, _):
        assert hear.readline() == "written\n"
        start = time.monotonic()
        assert names() == ["before"]
        assert time.monotonic() - start < 0.3
        say("go on")
        assert hear.readline() == "committed\n"
    assert names() == ["before", "child's"]


def test_a_second_writer_gives_up_after_the_timeout(store):
    with child(hold_a_transaction) as (say, hear, _):
        hear.readline()
        start = time.monotonic()
        with pytest.raises(OperationalError, match="database is locked"):
            add("mine")
        assert 0.4 < time.monotonic() - start < 3
        say("go on")
        hear.readline()
        add("mine")
    assert names() == ["child's", "mine"]


def test_a_second_writer_waits_for_the_first(store):
    with child(hold_a_transaction) as (say, hear, _):
        hear.readline()
        threading.Timer(0.2, say, ["go on"]).start()
        add("mine")
    assert names() == ["child's", "mine"]


def test_a_thread_gives_up_waiting_for_another(store):
    from django.db import connections

    errors = []

    def write():
        try:
            add("thread's")
        except OperationalError as error:
            errors.append(str(error))
        finally:
            connections["own"].close()

    with transaction.atomic(using="own"):
        add("mine")
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert "database is locked" in errors[0]
    assert names() == ["mine"]


def test_select_for_update_blocks_other_writers(store):
    add("row")

    def lock(say, hear):
        with transaction.atomic(using="own"):
            (row,) = authors().select_for_update()
            say("locked")
            hear.readline()
            row.name += " changed"
            row.save()

    with child(lock) as (say, hear, _):
        hear.readline()
        with pytest.raises(OperationalError, match="database is locked"):
            authors().update(name="lost")
        say("go on")
    assert names() == ["row changed"]


def test_a_fork_in_a_transaction_is_not_in_it(store):
    with transaction.atomic(using="own"):
        add("parent's")

        def look(say, hear):
            say(names())
            try:
                add("child's")
            except OperationalError as error:
                say("locked" if "database is locked" in str(error) else error)

        with child(look) as (_, hear, _):
            assert hear.readline() == "[]\n"
            assert hear.readline() == "locked\n"
    assert names() == ["parent's"]
    assert store.check_store() == []


def test_the_end_of_a_fork_does_not_disturb_its_parents_reading(store):
    authors().bulk_create(
        [authors().model(name=f"a{number:05}") for number in range(20_000)]
    )
    rows = authors().order_by("pk").iterator(chunk_size=100)
    seen = [next(rows).name]

    def rewrite(say, hear):
        rows.close()
        for number in range(5):
            authors().update(name=f"changed {number}")

    with child(rewrite):
        pass
    seen += [row.name for row in rows]
    assert seen == [f"a{number:05}" for number in range(20_000)]


def test_processes_increment_a_counter_and_lose_no_increment(store):
    from django.db.models import F

    counters().create(name="steps")

    def step(say, hear):
        for _ in range(50):
            counters().update(value=F("value") + 1)
            with transaction.atomic(using="own"):
                row = counters().select_for_update().get()
                row.value += 1
                row.save()

    store.settings_dict["OPTIONS"]["timeout"] = 30
    store.close()
    with child(step), child(step), child(step):
        pass
    assert counters().get().value == 300


def write_for_ever(number, say, hear):
    step = 0
    while True:
        with transaction.atomic(using="own"):
            author = add(f"{number}-{step}")
            books().bulk_create(
                [
                    books().model(title=author.name, author=author, pages=step)
                    for _ in range(2)
                ]
            )
            with transaction.atomic(using="own"):
                counters().filter(name="authors").update(value=authors().count())
        say(step)
        step += 1


def test_a_killed_process_loses_nothing_acknowledged(store):
    chance = random.Random(20261121)
    counters().create(name="authors")
    for number in range(KILLS):
        with child(lambda say, hear, n=number: write_for_ever(say, n)) as (
            _,
            hear,
            pid,
        ):
            first = hear.readline()
            time.sleep(chance.uniform(0, 0.02))
            os.kill(pid, signal.SIGKILL)
            acknowledged = [first, *hear.readlines()]
        found = names_of(number)
        steps = {f"{number}-{int(line)}" for line in acknowledged if line.strip()}
        assert steps <= found
        assert len(found) <= len(steps) + 1  # committed, but not yet said
        titles = books().filter(title__startswith=f"{number}-")
        assert sorted(titles.values_list("title", flat=True)) == sorted([*found] * 2)
        if number % 20 == 0:
            assert store.check_store() == []
    assert store.check_store() == []
    assert counters().get().value == authors().count() == len(authors().all())


def names_of(number):
    found = authors().filter(name__startswith=f"{number}-")
    return set(found.values_list("name", flat=True))


def test_threads_read_and_write_at_once(store):
    from django.db import connections

    errors = []
    store.settings_dict["OPTIONS"]["timeout"] = 30
    store.close()

    def work(number):
        try:
            for step in range(30):
                with transaction.atomic(using="own"):
                    author = add(f"{number}-{step}")
                    books().create(title=author.name, author=author, pages=1)
                found = books().filter(author__name__startswith=f"{number}-")
                if found.count() != step + 1:
                    errors.append((number, step, found.count()))
        except Exception as error:
            errors.append(error)
        finally:
            connections["own"].close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert books().count() == 180
    assert store.check_store() == []
