"""A client and assertions for the tests of an API."""

import base64
import json
from functools import partialmethod
from typing import Any

from django.http import HttpResponse
from django.test import TestCase
from django.test.client import Client

from .serializers import Serializer


class TestApiClient:
    """Sends data in one of the serializer's formats, through Django's test client.

    `authentication` is the header Authorization. Further keywords go to the client.
    """

    __test__ = False  # for pytest, which collects classes of this name

    def __init__(self, serializer: Serializer | None = None) -> None:
        self.client = Client()
        self.serializer = serializer or Serializer()

    def get_content_type(self, short_format: str) -> str:
        """Return the content type of a format."""
        return self.serializer.get_mime_for_format(short_format)

    def request(
        self,
        method: str,
        uri: str,
        format: str = "json",
        data: Any = None,
        authentication: str | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        """Return the response to a request. Data are the parameters of GET and DELETE,
        and else the body.
        """
        content_type = self.get_content_type(format)
        kwargs["HTTP_ACCEPT"] = content_type
        if authentication is not None:
            kwargs["HTTP_AUTHORIZATION"] = authentication
        send = getattr(self.client, method)
        if method == "get":
            return send(uri, {} if data is None else data, **kwargs)
        if method == "delete":
            return send(uri, query_params=data, **kwargs)
        content = kwargs.pop("content_type", content_type)
        body = b"" if data is None else self.serializer.serialize(data, content)
        return send(uri, body, content_type=content, **kwargs)

    # Each takes the arguments of request() after the method.
    get = partialmethod(request, "get")
    post = partialmethod(request, "post")
    put = partialmethod(request, "put")
    patch = partialmethod(request, "patch")
    delete = partialmethod(request, "delete")


class ResourceTestCaseMixin:
    """Assertions about responses, and `api_client`, a TestApiClient."""

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        self.serializer = Serializer()
        self.api_client = TestApiClient()

    def get_credentials(self) -> str:
        """Return the header Authorization of the tests. A project implements it."""
        raise NotImplementedError("Return a header Authorization of your user's.")

    def create_basic(self, username: str, password: str) -> str:
        """Return the header of BasicAuthentication."""
        text = base64.b64encode(f"{username}:{password}".encode()).decode()
        return f"Basic {text}"

    def create_apikey(self, username: str, api_key: str) -> str:
        """Return the header of ApiKeyAuthentication."""
        return f"ApiKey {username}:{api_key}"

    # --- statuses ---

    def check_status(self, resp: HttpResponse, *codes: int) -> None:
        """Fail unless the response has one of the status codes."""
        if resp.status_code not in codes:
            wanted = " or ".join(map(str, codes))
            raise AssertionError(
                f"The status is {resp.status_code} instead of {wanted}: "
                f"{getattr(resp, 'content', b'')[:500]!r}"
            )

    def assertHttpOK(self, resp: HttpResponse) -> None:
        self.check_status(resp, 200)

    def assertHttpCreated(self, resp: HttpResponse) -> None:
        self.check_status(resp, 201)

    def assertHttpAccepted(self, resp: HttpResponse) -> None:
        """Fail unless the status is 202, or 200 or 204, as of PUT and DELETE."""
        self.check_status(resp, 202, 204, 200)

    def assertHttpMultipleChoices(self, resp: HttpResponse) -> None:
        self.check_status(resp, 300)

    def assertHttpSeeOther(self, resp: HttpResponse) -> None:
        self.check_status(resp, 303)

    def assertHttpNotModified(self, resp: HttpResponse) -> None:
        self.check_status(resp, 304)

    def assertHttpBadRequest(self, resp: HttpResponse) -> None:
        self.check_status(resp, 400)

    def assertHttpUnauthorized(self, resp: HttpResponse) -> None:
        self.check_status(resp, 401)

    def assertHttpForbidden(self, resp: HttpResponse) -> None:
        self.check_status(resp, 403)

    def assertHttpNotFound(self, resp: HttpResponse) -> None:
        self.check_status(resp, 404)

    def assertHttpMethodNotAllowed(self, resp: HttpResponse) -> None:
        self.check_status(resp, 405)

    def assertHttpConflict(self, resp: HttpResponse) -> None:
        self.check_status(resp, 409)

    def assertHttpGone(self, resp: HttpResponse) -> None:
        self.check_status(resp, 410)

    def assertHttpUnprocessableEntity(self, resp: HttpResponse) -> None:
        self.check_status(resp, 422)

    def assertHttpTooManyRequests(self, resp: HttpResponse) -> None:
        self.check_status(resp, 429)

    def assertHttpApplicationError(self, resp: HttpResponse) -> None:
        self.check_status(resp, 500)

    def assertHttpNotImplemented(self, resp: HttpResponse) -> None:
        self.check_status(resp, 501)

    # --- data ---

    def assertValidJSON(self, data: bytes | str) -> None:
        """Fail unless the data is JSON."""
        json.loads(data)

    def assertValidXML(self, data: bytes | str) -> None:
        """Fail unless the data is XML."""
        self.serializer.from_xml(data)

    def assertValidYAML(self, data: bytes | str) -> None:
        """Fail unless the data is YAML."""
        self.serializer.from_yaml(data)

    def check_response(self, resp: HttpResponse, format: str) -> None:
        """Fail unless the response is 200, with valid data of the format."""
        self.assertHttpOK(resp)
        wanted = self.serializer.get_mime_for_format(format)
        if not resp["Content-Type"].startswith(wanted):
            raise AssertionError(f"{resp['Content-Type']} is not {wanted}.")
        self.deserialize(resp)

    def assertValidJSONResponse(self, resp: HttpResponse) -> None:
        """Fail unless the response is 200, with valid JSON."""
        self.check_response(resp, "json")

    def assertValidXMLResponse(self, resp: HttpResponse) -> None:
        """Fail unless the response is 200, with valid XML."""
        self.check_response(resp, "xml")

    def assertValidYAMLResponse(self, resp: HttpResponse) -> None:
        """Fail unless the response is 200, with valid YAML."""
        self.check_response(resp, "yaml")

    def deserialize(self, resp: HttpResponse) -> Any:
        """Return the data of a response."""
        return self.serializer.deserialize(resp.content, resp["Content-Type"])

    def serialize(self, data: Any, format: str = "application/json") -> str | bytes:
        """Return data in the format of a content type."""
        return self.serializer.serialize(data, format)

    def assertKeys(self, data: dict[str, Any], expected: Any) -> None:
        """Fail unless the data has exactly the expected keys."""
        if sorted(data) != sorted(expected):
            raise AssertionError(f"{sorted(data)} != {sorted(expected)}")


class ResourceTestCase(ResourceTestCaseMixin, TestCase):
    """The older name."""
