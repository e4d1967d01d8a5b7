"""JWTAuthentication: which tokens are accepted."""

import base64
import json
import time

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    MultiAuthentication,
)
from nonrel_backend.rest.resources import ModelResource

jwt = pytest.importorskip("jwt")
URI = "/api/v1/country/"
KEY = "a secret of more than 32 bytes, for tests"


@pytest.fixture
def ann(countries):
    return get_user_model().objects.create_user("ann")


@pytest.fixture
def status(ann, models, serve, http, settings_of):
    """Return status(token, **options of the authentication)."""
    from nonrel_backend.rest.contrib.jwt import JWTAuthentication

    def ask(token, header="Bearer", **options):
        class CountryResource(ModelResource):
            class Meta:
                queryset = models.Country.objects.all()
                resource_name = "country"
                authentication = MultiAuthentication(
                    ApiKeyAuthentication(), JWTAuthentication(**options)
                )

        serve(CountryResource)
        headers = {"Authorization": f"{header} {token}"} if token else {}
        return http.get(URI, headers=headers).status_code

    with settings_of(REST_JWT_KEY=KEY):
        yield ask


def token(user, key=KEY, algorithm="HS256", **claims):
    data = {"sub": str(user.pk), "exp": time.time() + 60, **claims}
    data = {name: value for name, value in data.items() if value is not None}
    return jwt.encode(data, key, algorithm=algorithm)


def test_valid_tokens(status, ann):
    assert status(token(ann)) == 200
    assert status(token(ann), header="bearer") == 200
    named = token(ann, sub=None, name="ann")
    assert status(named, user_claim="name", user_field="username") == 200
    assert status(token(ann, exp=time.time() - 5), leeway=30) == 200
    assert status(token(ann, key="k" * 64, algorithm="HS512"), key="k" * 64) == 401
    options = {"key": "k" * 64, "algorithm": "HS512"}
    assert status(token(ann, key="k" * 64, algorithm="HS512"), **options) == 200


def test_invalid_tokens_are_401(status, ann):
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (
            {"alg": "none", "typ": "JWT"},
            {"sub": str(ann.pk), "exp": time.time() + 60},
        )
    )
    good = token(ann)
    for wrong in (
        "", "x", "a.b.c", f"{unsigned}.", f"{good[:-2]}xx", f"{good} {good}", "\xff",
        token(ann, key="another secret of more than 32 bytes"),
        token(ann, algorithm="HS512", key=KEY * 2),
        token(ann, exp=time.time() - 5), token(ann, exp=None), token(ann, sub=None),
        token(ann, nbf=time.time() + 60), token(ann, aud="others"),
        token(ann, sub="999999"), token(ann, sub="x"), token(ann, sub="\0"),
        token(ann, sub=str(2**80)),
    ):  # fmt: skip
        assert status(wrong) == 401, wrong
    assert status(good, header="Basic") == 401
    ann.is_active = False
    ann.save()
    assert status(good) == 401 and status(good, require_active=False) == 200


def test_audience_and_issuer(status, ann, settings_of):
    with settings_of(REST_JWT_AUDIENCE="shop", REST_JWT_ISSUER="door"):
        assert status(token(ann)) == 401
        assert status(token(ann, aud="shop", iss="house")) == 401
        assert status(token(ann, aud="shop", iss="door")) == 200
        assert status(token(ann, aud="x", iss="y"), audience="x", issuer="y") == 200


def test_the_key_and_the_algorithm_are_required(databases, settings_of):
    from nonrel_backend.rest.contrib.jwt import JWTAuthentication

    with pytest.raises(ImproperlyConfigured, match="REST_JWT_KEY"):
        JWTAuthentication().claims("x")
    for wrong in ("none", "None", ["HS256", "RS256"]):
        with settings_of(REST_JWT_KEY=KEY, REST_JWT_ALGORITHM=wrong):
            with pytest.raises(ImproperlyConfigured, match="REST_JWT_ALGORITHM"):
                JWTAuthentication().claims("x")


def test_the_openapi_document_names_the_scheme(status, http):
    status("")
    schemes = http.get("/api/v1/openapi.json").json()["components"]["securitySchemes"]
    assert schemes["JWT"]["scheme"] == "bearer"
    answer = http.get(URI)
    assert answer.status_code == 401 and "WWW-Authenticate" in answer
