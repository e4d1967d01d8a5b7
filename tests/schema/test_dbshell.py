"""`manage.py dbshell` where the store has no shell."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection


def test_a_store_without_a_shell_is_a_command_error(library):
    if connection.vendor == "mongodb":
        pytest.skip("MongoDB has mongosh.")
    with pytest.raises(CommandError, match="no command-line shell"):
        call_command("dbshell")
