"""A backend without its driver says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOAD_BACKEND = """
import sys
sys.modules[{module!r}] = None
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import load_backend
try:
    load_backend("nonrel_backend.{backend}")
except ImproperlyConfigured as error:
    print(error)
"""
IMPORT_FIELDS = """
import sys
sys.modules["google.protobuf"] = None
import django
from django.conf import settings
settings.configure()
django.setup()
import nonrel_backend.riak.fields
"""


def output_of(program):
    """Run a Python program and return its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("backend", "module"),
    [
        ("lmdb", "lmdb"),
        ("lmdb", "msgpack"),
        ("mongodb", "pymongo"),
        ("riak", "google.protobuf"),
        ("dynamodb", "boto3"),
    ],
)
def test_a_missing_driver_is_an_error_with_the_command_to_install_it(backend, module):
    message = output_of(LOAD_BACKEND.format(backend=backend, module=module))
    assert f"Error loading the {module} module." in message
    assert f"pip install 'nonrel_backend[{backend}]'" in message


def test_riak_fields_on_other_databases_need_no_driver():
    output_of(IMPORT_FIELDS)
