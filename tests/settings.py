"""Settings of our own tests: the backend under test, and SQLite to compare with."""

import os
from uuid import uuid4

SECRET_KEY = "tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "tests.library",
]
DATABASES = {
    "default": {
        "ENGINE": "nonrel_backend.mongodb",
        "HOST": os.environ["MONGODB_URI"],
        "NAME": f"nonrel_{uuid4().hex[:8]}",
    },
    "oracle": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
