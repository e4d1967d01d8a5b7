"""Settings of the atlas. NONREL_ENGINE names the backend, by default lmdb.

NONREL_OPTIONS holds its options, such as "host=db1 name=atlas".
"""

import os
from pathlib import Path

from nonrel_backend.backends import completed, from_environment

BASE_DIR = Path(__file__).resolve().parents[1]

DEFAULTS = {
    "nonrel_backend.lmdb": {"NAME": BASE_DIR / "atlas.lmdb"},
    "nonrel_backend.mongodb": {
        "HOST": os.environ.get("MONGODB_URI", "mongodb://127.0.0.1:27017/"),
    },
    "nonrel_backend.riak": {
        "HOST": os.environ.get("RIAK_HOST", "127.0.0.1:8087"),
        "OPTIONS": {"transactions": "none", "unique": "markers"},
    },
    "nonrel_backend.dynamodb": {
        "OPTIONS": {"endpoint_url": os.environ.get("DYNAMODB_URL", "")},
    },
    # Django's own backend, for comparison.
    "django.db.backends.sqlite3": {"NAME": BASE_DIR / "atlas.sqlite3"},
}
DATABASE = from_environment()
DEFAULT = {"NAME": "atlas", **DEFAULTS.get(DATABASE["ENGINE"], {})}
DATABASES = {"default": completed(DATABASE, DEFAULT)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = os.environ.get("SECRET_KEY", "for a demonstration only")
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "testproject.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "nonrel_backend",
    "nonrel_backend.rest",
    "atlas",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
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
            ],
        },
    },
]
