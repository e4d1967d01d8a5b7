"""Who may do what, and how often: authentication, authorization, throttle, cache,
validation.
"""

import threading
from io import StringIO

import pytest
from django import forms
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import (
    ApiKeyAuthentication,
    Authentication,
    BasicAuthentication,
    MultiAuthentication,
    SessionAuthentication,
)
from nonrel_backend.rest.authorization import Authorization, DjangoAuthorization
from nonrel_backend.rest.cache import SimpleCache
from nonrel_backend.rest.exceptions import Unauthorized
from nonrel_backend.rest.resources import ModelResource
from nonrel_backend.rest.throttle import BaseThrottle, CacheDBThrottle, CacheThrottle
from nonrel_backend.rest.validation import FormValidation, Validation
from tests.rest.sites import basic

URI = "/api/v1/page/"


# --- authentication ---


def test_basic_authentication(pages, user, http):
    pages(authentication=BasicAuthentication(realm="atlas"))
    rejected = http.get(URI)
    assert rejected.status_code == 401
    assert rejected["WWW-Authenticate"] == 'Basic realm="atlas"'
    assert rejected.json() == {"error": "Authentication required."}
    assert "<error>" in http.get(f"{URI}?format=xml").content.decode()
    assert http.get(URI, headers=basic("ann:secret")).status_code == 200
    for wrong in (
        basic("ann:wrong"),
        basic("bob:secret"),
        basic("ann"),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Basic"},
        {"Authorization": ""},
    ):
        assert http.get(URI, headers=wrong).status_code == 401, wrong


def test_api_keys_are_hashed_and_in_the_header_only(pages, user, http):
    from nonrel_backend.rest.models import ApiKey, create_api_key

    create_api_key(type(user), instance=user, created=True)
    found = ApiKey.objects.get()
    assert found.key is None and len(found.key_hash) == 64
    found.delete()
    key = ApiKey.objects.create(user=user).key
    assert key not in ApiKey.objects.values_list("key_hash", flat=True)
    pages(authentication=ApiKeyAuthentication())
    right = {"Authorization": f"ApiKey ann:{key}"}
    assert http.get(URI, headers=right).status_code == 200
    assert http.get(URI, {"username": "ann", "api_key": key}).status_code == 401
    for wrong in ("ApiKey ann:x", "ApiKey bob:" + key, "ApiKey " + key, "ApiKey ann:"):
        response = http.get(URI, headers={"Authorization": wrong})
        assert response.status_code == 401, wrong
        assert response["WWW-Authenticate"].startswith("ApiKey")
    user.is_active = False
    user.save()
    assert http.get(URI, headers=right).status_code == 401


def test_saving_an_api_key_again_does_not_change_it(user):
    from nonrel_backend.rest.models import ApiKey

    key = ApiKey.objects.create(user=user)
    plain = key.key
    again = ApiKey.objects.get()
    again.save()
    assert ApiKey.objects.get().matches(plain)
    assert not ApiKey().matches("") and not ApiKey.objects.get().matches("")


def test_session_authentication_needs_djangos_csrf_token(pages, user, models):
    pages(authentication=SessionAuthentication())
    client = Client(enforce_csrf_checks=True)
    assert client.get(URI).status_code == 401
    client.force_login(user)
    assert client.get(URI).status_code == 200
    send = {"data": '{"text": "x"}', "content_type": "application/json"}
    assert client.post(URI, **send).status_code == 401
    client.cookies["csrftoken"] = token = "a" * 32
    rejected = client.post(URI, **send, headers={"X-CSRFToken": "b" * 32})
    assert rejected.status_code == 401 and not models.Page.objects.exists()
    response = client.post(URI, **send, headers={"X-CSRFToken": token})
    assert response.status_code == 201


def test_the_first_authentication_that_knows_the_user(pages, user, http):
    pages(
        authentication=MultiAuthentication(
            ApiKeyAuthentication(), BasicAuthentication()
        )
    )
    assert http.get(URI, headers=basic("ann:secret")).status_code == 200
    rejected = http.get(URI)
    assert rejected.status_code == 401 and "WWW-Authenticate" in rejected


def test_a_session_without_a_csrf_token_is_anonymous(pages, user, models):
    user.is_superuser = True
    user.save()
    pages(
        authentication=MultiAuthentication(SessionAuthentication(), Authentication()),
        authorization=DjangoAuthorization(),
    )
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    send = {"data": '{"text": "x"}', "content_type": "application/json"}
    assert client.post(URI, **send).status_code == 401
    client.cookies["csrftoken"] = token = "a" * 32
    response = client.post(URI, **send, headers={"X-CSRFToken": token})
    assert response.status_code == 201


def test_create_api_key_replaces_the_key(user, models):
    from django.core.management import CommandError, call_command

    from nonrel_backend.rest.models import ApiKey

    keys = []
    for _ in range(2):
        out = StringIO()
        call_command("create_api_key", "ann", stdout=out)
        keys.append(out.getvalue().strip())
    assert not ApiKey.objects.get().matches(keys[0])
    assert ApiKey.objects.get().matches(keys[1])
    with pytest.raises(CommandError):
        call_command("create_api_key", "bob")


def test_the_order_of_the_checks(pages, http):
    steps = []

    class Loud(Authentication):
        def is_authenticated(self, request, **kwargs):
            steps.append("authentication")
            return True

    class Older(Authorization):
        def is_authorized(self, request, object=None):
            steps.append("authorization")
            return True

        def apply_limits(self, request, object_list):
            steps.append("limits")
            return object_list.none()

    class Counting(BaseThrottle):
        def should_be_throttled(self, identifier, **kwargs):
            steps.append("throttle")
            return False

        def accessed(self, identifier, **kwargs):
            steps.append(f"accessed {kwargs['request_method']}")

    manager = pages(
        authentication=Loud(),
        authorization=Older(),
        throttle=Counting(),
        list_allowed_methods=["get"],
    )
    manager.create(text="x")
    assert http.get(URI).json()["objects"] == []
    assert steps == [
        "authentication", "authorization", "throttle", "limits", "accessed get",
    ]  # fmt: skip
    steps.clear()
    assert http.post(URI, {}).status_code == 405
    assert steps == []


def test_authorizations_of_the_older_interface(pages, http):
    class Older(Authorization):
        answer = False

        def is_authorized(self, request, object=None):
            return self.answer

    pages(authorization=Older())
    assert http.get(URI).status_code == http.get(f"{URI}schema/").status_code == 401
    Older.answer = HttpResponse("paid only", status=402)
    assert http.get(URI).status_code == 402


# --- authorization ---


def test_reading_is_the_default(pages, http, models):
    from nonrel_backend.rest.authorization import ReadOnlyAuthorization

    page = models.Page.objects.create(text="x")
    pages(authorization=ReadOnlyAuthorization())
    assert ModelResource._meta.authorization.__class__ is ReadOnlyAuthorization
    assert http.get(URI).status_code == 200
    uri = f"{URI}{page.pk}/"
    for method, address, data in (
        ("POST", URI, {"text": "y"}),
        ("PUT", URI, {"objects": []}),
        ("PATCH", URI, {"objects": [{"text": "z"}]}),
        ("DELETE", URI, None),
        ("PUT", uri, {"text": "y"}),
        ("PATCH", uri, {"text": "y"}),
        ("DELETE", uri, None),
    ):
        response = http.send(method, address, data)
        assert response.status_code == 401, (method, address)
    assert models.Page.objects.get().text == "x"


def test_djangos_permissions(pages, user, http, models):
    from django.contrib.auth.models import Permission

    def allow(codename):
        app = "rest_tests"
        user.user_permissions.set(
            Permission.objects.filter(codename=codename, content_type__app_label=app)
        )

    pages(authorization=DjangoAuthorization(), authentication=BasicAuthentication())
    headers = basic("ann:secret")
    page = models.Page.objects.create(text="x")
    uri = f"{URI}{page.pk}/"
    for address in (URI, uri):
        assert http.get(address, headers=headers).status_code == 403
    assert http.get(f"{URI}set/{page.pk}/", headers=headers).json()["not_found"]
    for codename in ("view_page", "change_page"):  # as in the admin
        allow(codename)
        for address in (URI, uri, f"{URI}set/{page.pk}/"):
            assert http.get(address, headers=headers).status_code == 200
    assert http.patch(uri, {"text": "y"}, headers=headers).status_code == 202
    assert http.post(URI, {"text": "x"}, headers=headers).status_code == 403
    allow("add_page")
    assert http.post(URI, {"text": "x"}, headers=headers).status_code == 201
    assert http.delete(uri, headers=headers).status_code == 403
    assert http.get(uri, headers=headers).status_code == 403
    pages(
        authorization=DjangoAuthorization(read_permission=None),
        authentication=BasicAuthentication(),
    )
    assert http.get(URI, headers=headers).status_code == 200


class Mine(Authorization):
    """Allows everyone the pages that begin with "mine"."""

    def read_list(self, object_list, bundle):
        return object_list.filter(text__startswith="mine")

    def read_detail(self, object_list, bundle):
        return bundle.obj.text.startswith("mine")

    def update_detail(self, object_list, bundle):
        if not bundle.obj.text.startswith("mine"):
            raise Unauthorized("not yours")
        return True

    delete_detail = create_detail = update_detail
    delete_list = read_list


def test_permissions_on_single_objects(pages, http, models):
    mine = models.Page.objects.create(text="mine")
    yours = models.Page.objects.create(text="yours")
    pages(authorization=Mine())
    assert [each["id"] for each in http.get(URI).json()["objects"]] == [mine.pk]
    assert http.get(f"{URI}{yours.pk}/").status_code == 401
    found = http.get(f"{URI}set/{mine.pk};{yours.pk}/").json()
    assert len(found["objects"]) == 1 and found["not_found"] == [str(yours.pk)]
    # Neither can a page of others become one's own, nor the other way round.
    for page, text in ((yours, "mine now"), (mine, "yours now")):
        for method in ("PUT", "PATCH"):
            response = http.send(method, f"{URI}{page.pk}/", {"text": text})
            assert response.status_code == 401
    assert http.post(URI, {"text": "yours"}).status_code == 401
    assert http.delete(f"{URI}{yours.pk}/").status_code == 401
    assert http.delete(URI).status_code == 204
    assert [each.text for each in models.Page.objects.all()] == ["yours"]


def test_an_authorization_may_return_a_list(pages, http, models):
    class Listing(Authorization):
        def read_list(self, object_list, bundle):
            return [obj for obj in object_list if obj.text != "hidden"]

    for text in ("a", "b", "hidden"):
        models.Page.objects.create(text=text)
    pages(
        authorization=Listing(),
        ordering=["text"],
        filtering={"text": ["exact"]},
        export=True,
    )
    for query in ("", "?order_by=text", "?format=jsonl", "?fields=text&limit=5"):
        response = http.get(f"{URI}{query}")
        text = b"".join(response) if response.streaming else response.content
        assert response.status_code == 200 and b"hidden" not in text and b"b" in text
    assert http.put(URI, {"objects": [{"text": "new"}]}).status_code == 204
    assert {each.text for each in models.Page.objects.all()} == {"hidden", "new"}
    assert http.delete(f"{URI}?text=new").status_code == 204
    assert [each.text for each in models.Page.objects.all()] == ["hidden"]


# --- throttle ---


def test_too_many_requests_are_429(pages, http):
    pages(throttle=CacheThrottle(throttle_at=2, timeframe=100))
    codes = [http.get(URI).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert 1 <= int(http.get(URI)["Retry-After"]) <= 101
    assert http.get(URI, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_the_throttle_counts_atomically(databases):
    cache.clear()
    throttle, let_in = CacheThrottle(throttle_at=10, timeframe=1000), []

    def ask():
        for _ in range(10):
            if not throttle.should_be_throttled("ann"):
                let_in.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 10


def test_accesses_are_recorded(pages, http):
    from nonrel_backend.rest.models import ApiAccess

    pages(throttle=CacheDBThrottle(throttle_at=1))
    assert http.get(f"{URI}?limit=1").status_code == 200
    assert http.get(URI).status_code == 429
    (access,) = ApiAccess.objects.all()
    assert (access.url, access.request_method) == (f"{URI}?limit=1", "get")


def test_the_hooks_of_the_throttle(pages, http):
    seen = []
    body = {
        "throttle_check": lambda self, request: seen.append("check"),
        "log_throttled_access": lambda self, request: seen.append("log"),
    }
    pages(body, throttle=CacheThrottle(throttle_at=0))
    assert http.get(URI).status_code == 200 and seen == ["check", "log"]


# --- cache ---


def test_details_are_cached_until_they_are_written(pages, http, queries):
    manager = pages(cache=SimpleCache(timeout=10, public=True))
    page = manager.create(text="x")
    uri = f"{URI}{page.pk}/"
    response = http.get(uri)
    assert set(response["Cache-Control"].split(", ")) >= {"max-age=10", "public"}
    with queries() as found:
        assert http.get(uri).json()["text"] == "x"
    assert len(found) == 0
    http.patch(uri, {"text": "y"})
    assert http.get(uri).json()["text"] == "y"


def test_cached_objects_are_authorized_each_time(pages, http, models):
    allowed = [True]

    class Sometimes(Authorization):
        def read_detail(self, object_list, bundle):
            return allowed[0]

    page = models.Page.objects.create(text="x")
    pages(cache=SimpleCache(), authorization=Sometimes())
    assert http.get(f"{URI}{page.pk}/").status_code == 200
    allowed[0] = False
    assert http.get(f"{URI}{page.pk}/").status_code == 401


@pytest.mark.parametrize("way", ["get_object_list", "apply_limits"])
def test_the_cache_is_not_used_if_users_have_different_lists(pages, http, way):
    def get_object_list(self, request):
        wanted = request.headers.get("X-Text", "x")
        return ModelResource.get_object_list(self, request).filter(text=wanted)

    class Older(Authorization):
        def apply_limits(self, request, object_list):
            return object_list.filter(text=request.headers.get("X-Text", "x"))

    own = way == "get_object_list"
    manager = pages(
        {"get_object_list": get_object_list} if own else None,
        cache=SimpleCache(),
        authorization=Authorization() if own else Older(),
    )
    uri = f"{URI}{manager.create(text='x').pk}/"
    assert http.get(uri).status_code == 200
    assert http.get(uri, headers={"X-Text": "y"}).status_code == 404


def test_cached_obj_get_list_and_generate_cache_key(models, databases):
    from nonrel_backend.rest.bundle import Bundle

    cache.clear()

    class PageResource(ModelResource):
        class Meta:
            queryset = models.Page.objects.all()
            cache = SimpleCache()

    resource = PageResource(api_name="v1")
    models.Page.objects.create(text="x")
    assert len(resource.cached_obj_get_list(Bundle())) == 1
    models.Page.objects.create(text="y")
    assert len(resource.cached_obj_get_list(Bundle())) == 1
    keys = {
        resource.generate_cache_key("a", pk=1),
        resource.generate_cache_key("a", pk=2),
        resource.generate_cache_key("b", pk=1),
        PageResource(api_name="v2").generate_cache_key("a", pk=1),
    }
    assert len(keys) == 4


# --- validation ---


def test_validation(pages, http):
    class NoX(Validation):
        def is_valid(self, bundle, request=None):
            return {"text": ["No x."]} if "x" in bundle.data.get("text", "") else {}

    manager = pages(validation=NoX())
    response = http.post(URI, {"text": "xy"})
    assert response.status_code == 400
    assert response.json() == {"page": {"text": ["No x."]}}
    created = http.post(URI, {"text": "y"})
    assert created.status_code == 201
    assert http.patch(created["Location"], {"text": "x"}).status_code == 400
    listed = [{"text": "y"}, {"text": "x"}]
    assert http.post(URI, listed).status_code == 400
    assert manager.count() == 1


def test_form_validation(pages, http, models):
    class PageForm(forms.ModelForm):
        class Meta:
            model = models.Page
            fields = ["text"]

        def clean_text(self):
            if self.cleaned_data["text"] == "bad":
                raise forms.ValidationError("Bad.")
            return self.cleaned_data["text"].upper()

    manager = pages(validation=FormValidation(form_class=PageForm))
    response = http.post(URI, {"text": "bad"})
    assert response.json() == {"page": {"text": ["Bad."]}}
    created = http.post(URI, {"text": "good"})
    assert created.status_code == 201 and manager.get().text == "good"
    assert http.patch(created["Location"], {"text": "bad"}).status_code == 400
    assert http.patch(created["Location"], {}).status_code == 202


def test_fields_that_are_not_shown_cannot_be_written(models, serve, http, user):
    class UserResource(ModelResource):
        class Meta:
            queryset = type(user).objects.all()
            resource_name = "auth/user"
            excludes = ["email", "password", "is_superuser", "is_staff"]
            authorization = Authorization()

    serve(UserResource)
    found = http.get("/api/v1/auth/user/").json()["objects"][0]
    assert "password" not in found and found["username"] == "ann"
    uri = found["resource_uri"]
    password = user.password
    assert http.put(uri, {**found, "is_superuser": True}).status_code == 204
    assert http.patch(uri, {"is_superuser": True}).status_code == 400
    assert http.patch(uri, {"password": "x"}).status_code == 400
    user.refresh_from_db()
    assert not user.is_superuser and user.password == password
    assert http.get("/api/v1/auth/user/?password__startswith=m").status_code == 400
    assert http.get("/api/v1/auth/user/?order_by=password").status_code == 400


def test_columns_that_are_not_shown_cannot_be_filtered_by(models, serve, http, user):
    from nonrel_backend.rest.models import ApiKey

    class UserResource(ModelResource):
        class Meta:
            queryset = type(user).objects.all()
            resource_name = "user"
            excludes = ["password"]
            filtering = {"username": ["exact"]}
            ordering = ["username"]

    class KeyResource(ModelResource):
        user = fields.ForeignKey(UserResource, "user")

        class Meta:
            queryset = ApiKey.objects.all()
            resource_name = "key"
            fields = ["created"]
            filtering = {"user": 2}
            ordering = ["user"]

    serve(UserResource, KeyResource)
    ApiKey.objects.create(user=user)
    assert len(http.get("/api/v1/key/?user__username=ann").json()["objects"]) == 1
    for query in (
        "user__password__startswith=m",
        "user__password=m",
        "user__username__startswith=a",
        "user__is_staff=true",
        "order_by=user__password",
        "order_by=user__email",
    ):
        assert http.get(f"/api/v1/key/?{query}").status_code == 400, query
