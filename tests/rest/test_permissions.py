"""PermissionAuthorization: a permission for each action."""

import pytest
from django.contrib.auth import get_user_model

from nonrel_backend.rest.authentication import BasicAuthentication
from nonrel_backend.rest.authorization import PermissionAuthorization
from nonrel_backend.rest.resources import ModelResource

URI = "/api/v1/country/"


@pytest.fixture
def served(countries, models, serve):
    def start(**permissions):
        class Anyone(BasicAuthentication):
            def is_authenticated(self, request, **kwargs):
                super().is_authenticated(request, **kwargs)
                return True

        class CountryResource(ModelResource):
            class Meta:
                queryset = models.Country.objects.all()
                resource_name = "country"
                authentication = Anyone()
                authorization = PermissionAuthorization(**permissions)

        serve(CountryResource)

    return start


def statuses(http, **options):
    sent = (
        ("GET", URI, None),
        ("GET", f"{URI}it/", None),
        ("POST", URI, {"code": "se", "name": "Sweden"}),
        ("PATCH", f"{URI}it/", {"name": "Italia"}),
        ("DELETE", f"{URI}no/", None),
    )
    return [http.send(*each, **options).status_code for each in sent]


def test_an_action_without_a_permission_is_nobodys(served, http):
    served()
    assert statuses(http) == [401] * 5
    served(read=True)
    assert statuses(http) == [200, 200, 401, 401, 401]
    served(read=True, create=True, update=True, delete=True)
    assert statuses(http) == [200, 200, 201, 202, 204]


def test_each_action_asks_for_its_own_permission(served, http, models, settings_of):
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with settings_of(PASSWORD_HASHERS=hashers):
        user = get_user_model().objects.create_user("ann", password="x")
        kind = ContentType.objects.get_for_model(models.Country)
        names = ("add_country", "change_country")
        for name in names:
            found, _ = Permission.objects.get_or_create(
                content_type=kind, codename=name, defaults={"name": name}
            )
            user.user_permissions.add(found)
        add, change = (f"rest_tests.{name}" for name in names)
        basic = {"headers": {"Authorization": "Basic YW5uOng="}}
        served(read=True, create=add, update=(add, change), delete="x.y")
        assert statuses(http) == [200, 200, 401, 401, 401]
        assert statuses(http, **basic) == [200, 200, 201, 202, 403]
        models.Country.objects.filter(code="se").delete()
        served(
            read=lambda user: user.is_authenticated,
            create=(add, "x.y"),
            update=lambda user: user.is_staff,
            delete=change,
        )
        assert statuses(http) == [401] * 5
        assert statuses(http, **basic) == [200, 200, 403, 403, 204]


def test_lists_that_are_written_ask_too(served, http, models):
    served(read=True, update=True)
    assert http.delete(URI).status_code == 401
    assert http.put(URI, {"objects": []}).status_code == 401
    data = {"deleted_objects": [f"{URI}it/"]}
    assert http.patch(URI, data).status_code == 401
    assert models.Country.objects.count() == 2
