"""Backups: a compact copy of a store, whole or not there at all."""

import os
from contextlib import suppress
from typing import Any

import lmdb
from django.db import OperationalError

# The name of a copy until it is whole: LMDB would open it by no other than data.mdb.
UNFINISHED = "data.mdb.unfinished"


def copy_whole(environment: "lmdb.Environment", folder: str) -> None:
    """Copy the committed state of an environment to a new or empty folder.

    Raise OperationalError if that is not possible; the folder is as it was then. A
    process that is killed meanwhile leaves the unfinished copy, under another name.
    """
    was_there = os.path.isdir(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        if os.listdir(folder):
            raise OperationalError(f"{folder} is not empty. Name a new folder.")
    except (OSError, ValueError) as error:
        raise failed(folder, error) from error
    unfinished = os.path.join(folder, UNFINISHED)
    try:
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            environment.copyfd(file, compact=True)
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(unfinished, os.path.join(folder, "data.mdb"))
        sync_folder(folder)
    except BaseException as error:
        with suppress(OSError):
            os.remove(unfinished)
        if not was_there:
            with suppress(OSError):
                os.rmdir(folder)
        if isinstance(error, (lmdb.Error, OSError)):
            raise failed(folder, error) from error
        raise


def sync_folder(folder: str) -> None:
    """Write a folder's names to the disk, where the system can."""
    if os.name == "posix":
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def failed(folder: str, error: Any) -> OperationalError:
    return OperationalError(
        f"The backup to {folder} cannot be written: {error}. Name another folder, on a "
        "disk with room for the store and where this process may write."
    )
