"""Settings of the atlas. NONREL_BACKEND names the backend, by default lmdb."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[1]

BACKENDS = {
    "lmdb": {"ENGINE": "nonrel_backend.lmdb", "NAME": BASE_DIR / "atlas.lmdb"},
    "mongodb": {
        "ENGINE": "nonrel_backend.mongodb",
        "NAME": "atlas",
        "HOST": os.environ.get("MONGODB_URI", "mongodb://127.0.0.1:27017/"),
    },
    "riak": {
        "ENGINE": "nonrel_backend.riak",
        "NAME": "atlas",
        "HOST": os.environ.get("RIAK_HOST", "127.0.0.1:8087"),
        "OPTIONS": {"transactions": "none", "unique": "markers"},
    },
    # Django's own backend, for comparison.
    "sqlite": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "atlas.sqlite3",
    },
}
DATABASES = {"default": BACKENDS[os.environ.get("NONREL_BACKEND") or "lmdb"]}
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
