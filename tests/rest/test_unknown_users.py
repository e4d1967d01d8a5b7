"""Wrong credentials: they are throttled, and do not tell which users exist."""

import statistics
import time

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client, RequestFactory

from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    BasicAuthentication,
    MultiAuthentication,
    SessionAuthentication,
)
from nonrel_backend.rest.throttle import CacheThrottle
from tests.rest.sites import basic

URI = "/api/v1/page/"


class OpenForReading(MultiAuthentication):
    """Authentication that is not needed for reading."""

    def is_authenticated(self, request, **kwargs):
        answer = super().is_authenticated(request, **kwargs)
        return True if request.method == "GET" else answer


@pytest.mark.parametrize("kind", [MultiAuthentication, OpenForReading])
def test_wrong_credentials_are_throttled(pages, user, http, kind):
    known = kind(ApiKeyAuthentication(), BasicAuthentication())
    pages(authentication=known, throttle=CacheThrottle(throttle_at=4))
    for wrong in ("ann:x", "ann:y", "bob:x"):
        response = http.get(URI, headers=basic(wrong))
        assert response.status_code == (200 if kind is OpenForReading else 401)
    assert http.get(URI, headers=basic("ann:secret")).status_code == 200
    http.get(URI, headers={"Authorization": "ApiKey ann:x"})
    # No password is checked any more, not even the right one.
    for name in ("ann:secret", "ann:x"):
        refused = http.get(URI, headers=basic(name))
        assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    elsewhere = {"REMOTE_ADDR": "10.0.0.1", "headers": basic("ann:secret")}
    assert http.get(URI, **elsewhere).status_code == 200
    if kind is MultiAuthentication:
        assert http.get(URI).status_code == 401


def test_requests_without_credentials_are_not_wrong_ones(pages, user, http):
    pages(authentication=BasicAuthentication(), throttle=CacheThrottle(throttle_at=2))
    for _ in range(5):
        assert http.get(URI).status_code == 401
    assert http.get(URI, headers=basic("ann:secret")).status_code == 200


def test_the_second_of_two_authentications_counts_no_failure(pages, user, http):
    class Other(BasicAuthentication):
        def user_of(self, request):
            return None

    pages(
        authentication=MultiAuthentication(Other(), BasicAuthentication()),
        throttle=CacheThrottle(throttle_at=3),
    )
    for _ in range(3):
        assert http.get(URI, headers=basic("ann:secret")).status_code == 200
    assert http.get(URI, headers=basic("ann:x")).status_code == 401


@pytest.mark.parametrize("name", ["a:b", "anna@example.org", "änn", "жук"])
def test_names_of_users_in_api_keys(pages, user, http, name):
    from nonrel_backend.rest.models import ApiKey

    user.username = name
    user.save()
    key = ApiKey.objects.create(user=user).key
    pages(authentication=ApiKeyAuthentication())
    sent = f"ApiKey {name}:{key}".encode()
    # As WSGI servers read headers.
    response = http.get(URI, HTTP_AUTHORIZATION=sent.decode("latin-1"))
    assert response.status_code == 200
    wrong = f"ApiKey {name}:x".encode().decode("latin-1")
    assert http.get(URI, HTTP_AUTHORIZATION=wrong).status_code == 401


def test_a_missing_csrf_token_is_named(pages, user):
    pages(authentication=SessionAuthentication())
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    send = {"data": "{}", "content_type": "application/json"}
    refused = client.post(URI, **send)
    assert refused.status_code == 401
    assert refused.json()["error"] == "The CSRF check failed: CSRF cookie not set."
    client.cookies["csrftoken"] = "a" * 32
    refused = client.post(URI, **send)
    assert refused.json()["error"] == "The CSRF check failed: CSRF token missing."
    refused = client.post(f"{URI}?format=xml", **send)
    assert "<error>The CSRF check failed" in refused.content.decode()


# --- time ---


def attempts(authentication, names, key):
    """Return the median of the seconds that each name takes, asked by turns."""
    taken = {name: [] for name in names}
    for _ in range(60):
        for name in names:
            value = f"ApiKey {name}:{key}" if key else basic(f"{name}:x")
            header = value if key else value["Authorization"]
            request = RequestFactory().get(URI, headers={"Authorization": header})
            start = time.process_time()
            assert authentication.is_authenticated(request) is not True
            taken[name].append(time.process_time() - start)
    return [statistics.median(taken[name]) for name in names]


def test_an_unknown_name_with_a_key_takes_as_long(user, queries):
    from nonrel_backend.rest.models import ApiKey

    ApiKey.objects.create(user=user)
    counts = []
    for name in ("ann", "bob"):
        request = RequestFactory().get(
            URI, headers={"Authorization": f"ApiKey {name}:x"}
        )
        with queries() as found:
            assert ApiKeyAuthentication().is_authenticated(request) is not True
        counts.append(len(found))
    assert counts == [2, 2]
    known, unknown = attempts(ApiKeyAuthentication(), ("ann", "bob"), "x")
    assert unknown > known * 0.6


def test_an_unknown_name_with_a_password_is_hashed_too(user, monkeypatch):
    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher,
        "encode",
        lambda self, *args: hashed.append(1) or encode(self, *args),
    )
    counts = []
    for name in ("ann", "bob"):
        request = RequestFactory().get(URI, headers=basic(f"{name}:x"))
        assert BasicAuthentication().is_authenticated(request) is not True
        counts.append(len(hashed))
    assert counts[0] == counts[1] - counts[0] > 0
