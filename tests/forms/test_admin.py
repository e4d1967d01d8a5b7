"""The admin's pages, without a browser."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client


@pytest.fixture
def client(databases):
    users = get_user_model().objects
    users.filter(username="boss").delete()
    user = users.create_superuser("boss", "boss@example.com", "secret")
    client = Client()
    client.force_login(user)
    yield client
    user.delete()


@pytest.mark.parametrize(
    ("words", "found"),
    [("OLD", 1), ("old young", 1), ("none", 0), ("first", 1), ("", 2)],
)
def test_search_fields_may_be_lists(orders, client, words, found):
    line = orders.Line(name="The first")
    orders.Order.objects.create(tags=["very old", "young"], lines=[line])
    orders.Order.objects.create(tags=["new"])
    response = client.get("/admin/orders/order/", {"q": words})
    assert response.status_code == 200
    assert response.content.count(b'name="_selected_action"') == found


def test_an_api_key_is_created_shown_once_and_replaced(client):
    from nonrel_backend.rest.models import ApiKey

    ApiKey.objects.all().delete()
    user = get_user_model().objects.get(username="boss")
    url = "/admin/nonrel_rest/apikey/"
    response = client.post(f"{url}add/", {"user": str(user.pk)})
    (key,) = keys_in(response)
    assert "no-store" in response["Cache-Control"]
    stored = ApiKey.objects.get()
    assert stored.user == user
    assert stored.matches(key)
    for page in (url, f"{url}{stored.pk}/change/", "/admin/"):
        response = client.get(page)
        assert response.status_code == 200
        assert key.encode() not in response.content
    data = {"action": "replace_keys", "_selected_action": [stored.pk]}
    (new,) = keys_in(client.post(url, data))
    stored.refresh_from_db()
    assert stored.matches(new)
    assert not stored.matches(key)


def keys_in(response) -> list[str]:
    """Return the API keys that a page shows."""
    return re.findall("<code>([^<]+)</code>", response.content.decode())


def test_keys_are_replaced_only_by_those_who_may_change_them(client):
    from django.contrib.auth.models import Permission

    from nonrel_backend.rest.models import ApiKey

    ApiKey.objects.all().delete()
    user = get_user_model().objects.get(username="boss")
    stored = ApiKey.objects.create(user=user)
    user.is_superuser = False
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    url = "/admin/nonrel_rest/apikey/"
    assert client.get(url).status_code == 200
    data = {"action": "replace_keys", "_selected_action": [stored.pk]}
    assert keys_in(client.post(url, data)) == []
    before = stored.key_hash
    stored.refresh_from_db()
    assert stored.key_hash == before
