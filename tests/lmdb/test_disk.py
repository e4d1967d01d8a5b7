"""Disks that are full, folders that are read-only, and backups to such places."""

import os
import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connections, transaction

from .test_store import add_authors, authors, folder_of, reopened, run


@pytest.fixture
def small_disk(tmp_path):
    """Yield the folder of a file system of 3 MB in memory; skip without the rights."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounts no file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, free):
    """Fill a small disk up to so many kilobytes."""
    with open(folder / "fill", "wb") as file:
        space = os.statvfs(folder)
        file.write(bytes(space.f_bavail * space.f_frsize - free * 1024))


@contextmanager
def largest_file(size):
    """Let this process write no file beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def in_child(work):
    """Return what `work()` raises in a child process, as text; "" for nothing.

    A signal that ends the child is an AssertionError.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            work()
        except Exception as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as lines:
        text = lines.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return text


# --- full disks ---


def opened_at(folder):
    """Open a store in a folder, and as many readers as it may have."""
    connection = connections["own"]
    connection.close()
    connection.settings_dict["NAME"] = str(folder)
    connection.ensure_connection()
    readers = [connection.reading() for _ in range(1000)]
    for each in readers:
        each.__enter__()


@pytest.mark.parametrize("free", [0, 4, 60, 68, 72, 84, 128])
def test_a_store_on_a_full_disk_is_an_error_or_whole(open_store, small_disk, free):
    open_store()
    (small_disk / "store").mkdir()
    fill(small_disk, free)
    said = in_child(lambda: opened_at(small_disk / "store"))
    if free < 72:
        assert said.startswith("OperationalError: ")
        assert str(small_disk / "store") in said and "Make room" in said
    os.remove(small_disk / "fill")
    assert in_child(lambda: opened_at(small_disk / "store")) == ""


def test_a_commit_on_a_full_disk_stores_nothing_and_harms_nothing(store, small_disk):
    def work():
        store.close()
        store.settings_dict["NAME"] = str(small_disk / "store")
        with store.schema_editor() as editor:
            editor.create_model(authors().model)
        add_authors(0, 100)
        fill(small_disk, 16)
        for _ in range(3):
            with pytest.raises(OperationalError, match="Make room|or written"):
                add_authors(100, 20_000)
            with pytest.raises(OperationalError), transaction.atomic(using="own"):
                add_authors(100, 10_000)
                add_authors(10_000, 20_000)
            assert authors().count() == 100
        os.remove(small_disk / "fill")
        add_authors(100, 500)
        assert authors().count() == len(authors().all()) == 500
        assert store.check_store() == []

    assert in_child(work) == ""


def test_a_write_that_the_system_refuses_is_an_operational_error(store):
    add_authors(0, 10)

    def work():
        with largest_file(1_100_000):
            with pytest.raises(OperationalError, match="be read or written"):
                add_authors(10, 20_000)
        assert authors().count() == 10
        add_authors(10, 11)
        assert store.check_store() == []

    assert in_child(work) == ""


# --- read-only folders ---


@pytest.mark.skipif(os.geteuid() != 0, reason="Becomes another user.")
@pytest.mark.parametrize("is_new", [True, False])
def test_a_read_only_folder_is_an_operational_error_that_names_it(
    store, open_store, is_new
):
    folder = folder_of(store)
    os.chmod(Path(folder).parents[0], 0o755)
    os.chmod(Path(folder).parents[1], 0o755)
    os.chmod(Path(folder).parents[2], 0o755)
    if is_new:
        folder += "/deeper"

    def work():
        os.setuid(65534)
        store.settings_dict["NAME"] = folder
        store.ensure_connection()

    reopened(open_store)
    said = in_child(work)
    assert said.startswith(f"OperationalError: The store in {folder} cannot be opened")
    assert "Permission denied" in said and "must be allowed to write" in said


# --- backups ---


@pytest.mark.parametrize("place", ["file/copy", "file", "nul\0", "/proc/copy"])
def test_a_backup_to_an_impossible_path_says_so(store, tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="backup to .* cannot be written"):
        run("nonrel_backup", str(tmp_path / place))
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("was_there", [True, False])
def test_a_backup_that_cannot_be_written_leaves_nothing(store, tmp_path, was_there):
    add_authors(0, 2000)
    target = tmp_path / "copy"
    if was_there:
        target.mkdir()

    def work():
        with largest_file(100_000):
            store.backup(target)

    said = in_child(work)
    assert said.startswith(f"OperationalError: The backup to {target} cannot be")
    assert target.exists() == was_there
    assert not was_there or os.listdir(target) == []
    store.backup(target)
    assert os.listdir(target) == ["data.mdb"]


def test_a_backup_on_a_full_disk_leaves_nothing(store, small_disk):
    add_authors(0, 2000)
    fill(small_disk, 100)
    said = in_child(lambda: store.backup(small_disk / "copy"))
    assert "cannot be written" in said and "No space left" in said
    assert not (small_disk / "copy").exists()


def test_a_backup_that_is_killed_leaves_no_store(store, tmp_path, monkeypatch):
    from nonrel_backend.lmdb import backups

    target = tmp_path / "copy"
    monkeypatch.setattr(backups.os, "fsync", lambda file: os._exit(0))
    in_child(lambda: store.backup(target))
    monkeypatch.undo()
    assert os.listdir(target) == [backups.UNFINISHED]
    with pytest.raises(CommandError, match="not empty"):
        run("nonrel_backup", str(target))
