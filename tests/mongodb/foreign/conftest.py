"""The foreign database, and the models that inspectdb writes for it."""

import sys
from collections.abc import Iterator
from io import StringIO
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.test import override_settings
from django.urls import include, path

from nonrel_backend.rest.api import Api
from nonrel_backend.rest.resources import ALL, ModelResource

from .collections import make

ALIAS = "foreign"
APP = "tests.mongodb.foreign"
MODELS = f"{APP}.models"
URLS = f"{APP}.urls"


class Router:
    """Sends the models of the app to the foreign database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == "foreign" else None

    db_for_write = db_for_read


@pytest.fixture(scope="package")
def database(databases: Any) -> Iterator[Any]:
    """Return the pymongo database of the alias "foreign"."""
    default = databases["default"].settings_dict
    name = f"nonrel_foreign_{uuid4().hex[:8]}"
    databases.settings[ALIAS] = {**default, "NAME": name}
    found = databases[ALIAS].database
    make(found)
    yield found
    found.client.drop_database(name)
    databases[ALIAS].close()
    del databases[ALIAS]
    del databases.settings[ALIAS]


@pytest.fixture(scope="package")
def source(database: Any) -> str:
    """Return what inspectdb writes for the database."""
    out = StringIO()
    call_command("inspectdb", "--include-views", database=ALIAS, stdout=out)
    return out.getvalue()


@pytest.fixture(scope="package")
def foreign(source: str) -> Iterator[dict[str, Any]]:
    """Return {collection: model}, of an app with an admin and an API."""
    installed = [*settings.INSTALLED_APPS, APP]
    with override_settings(
        INSTALLED_APPS=installed, DATABASE_ROUTERS=[Router()], ROOT_URLCONF=URLS
    ):
        module = sys.modules[MODELS] = ModuleType(MODELS)
        exec(compile(source, MODELS, "exec"), vars(module))
        config = apps.get_app_config("foreign")
        config.models_module = module
        models = list(config.get_models())
        sys.modules[URLS] = urls(models)
        yield {model._meta.db_table: model for model in models}
    for model in models:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
    apps.all_models.pop("foreign")
    apps.clear_cache()
    del sys.modules[MODELS], sys.modules[URLS]


def urls(models: list[Any]) -> ModuleType:
    """Return the module of URLs of an admin and an API of the models."""
    api = Api("v1")
    for model in models:
        if not has_composite_key(model):  # which Django's admin does not take
            admin.site.register(model)
        api.register(resource(model)())
    module = ModuleType(URLS)
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("admin/", admin.site.urls),
        path("api/", include(api.urls)),
    ]
    return module


def has_composite_key(model: Any) -> bool:
    return len(model._meta.pk_fields) > 1


def resource(model: Any) -> type[ModelResource]:
    """Return the resource of a model."""
    names = [field.name for field in model._meta.concrete_fields]
    meta = {
        "queryset": model.objects.all(),
        "resource_name": model.__name__.lower(),
        "filtering": dict.fromkeys(names, ALL),
    }
    return type(
        f"{model.__name__}Resource", (ModelResource,), {"Meta": type("Meta", (), meta)}
    )


@pytest.fixture
def client(foreign: Any) -> Any:
    """Return Django's test client, of a superuser."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    users = get_user_model().objects
    user = users.filter(username="boss").first() or users.create_superuser(
        "boss", "boss@example.com", "secret"
    )
    found = Client()
    found.force_login(user)
    return found
