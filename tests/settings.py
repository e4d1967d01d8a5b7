"""The settings of our own tests: the backend under test, LMDB and SQLite.

NONREL_ENGINE names the backend under test, "default"; lmdb if it is not set. "lmdb" is
LMDB in a folder, for its own tests. "oracle" is SQLite, to compare with.
"""

import os
import tempfile
from typing import Any
from uuid import uuid4

import django

SECRET_KEY = "tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "nonrel_backend",
    "tests.docs",
    "tests.documents.apps.DocumentsConfig",
    "tests.library.apps.LibraryConfig",
    "tests.orders",
    "rest_framework",
    "nonrel_backend.rest",
    "tests.rest",
]
if django.VERSION >= (6, 1):
    INSTALLED_APPS.append("tests.django61")
BACKEND = os.environ.get("NONREL_ENGINE") or "lmdb"
if BACKEND == "mongodb":  # Models, the user's among them, whose keys are ObjectIds.
    INSTALLED_APPS.append("tests.objectids")
    AUTH_USER_MODEL = "objectids.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.objectids.urls"
ALLOWED_HOSTS = ["testserver"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
BACKENDS: dict[str, dict[str, Any]] = {
    "lmdb": {"ENGINE": "nonrel_backend.lmdb", "NAME": ":memory:"},
    "mongodb": {
        "ENGINE": "nonrel_backend.mongodb",
        "HOST": os.environ.get("MONGODB_URI", ""),
        "NAME": f"nonrel_{uuid4().hex[:8]}",
    },
    "riak": {
        "ENGINE": "nonrel_backend.riak",
        "HOST": os.environ.get("RIAK_HOST", ""),
        "NAME": f"nonrel_{uuid4().hex[:8]}",
        "OPTIONS": {
            "keys": "sequence",
            "transactions": "none",
            "unique": "markers",
            "schema_wait": 0,
            "bucket_type": "mult",
            "unique_type": "mult1",
        },
    },
    "dynamodb": {
        "ENGINE": "nonrel_backend.dynamodb",
        "NAME": f"nonrel_{uuid4().hex[:8]}",
        "OPTIONS": {
            "endpoint_url": os.environ.get("DYNAMODB_URL", ""),
            "region": "us-east-1",
            "keys": "sequence",
            "schema_wait": 0,
        },
    },
    "template": {"ENGINE": "backend_template", "NAME": "tests"},
}
BACKENDS["sqlite"] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.path.join(tempfile.gettempdir(), f"nonrel_{uuid4().hex[:8]}.sqlite3"),
}
DATABASES = {
    "default": BACKENDS[BACKEND],
    "lmdb": {
        "ENGINE": "nonrel_backend.lmdb",
        "NAME": tempfile.mkdtemp(prefix="nonrel_tests_"),
        "OPTIONS": {"timeout": 0.5},
    },
    "oracle": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
