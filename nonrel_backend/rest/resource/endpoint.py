"""Endpoint: formats and errors of the views of a resource and of an Api."""

from functools import cache
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from ..bundle import Bundle
from ..errors import response_of
from ..exceptions import BadRequest, ImmediateHttpResponse, UnsupportedFormat
from ..exceptions import UnsupportedSerializationFormat as NotAcceptable
from ..formats.html import HTML, page
from ..formats.negotiation import preferred
from ..http import HttpApplicationError, HttpBadRequest, HttpMethodNotAllowed
from .items import with_item
from .options import ResourceOptions

JSON = "application/json"


class Endpoint:
    """The base of Resource and Api."""

    _meta: ResourceOptions

    def wrap_view(self, view: str) -> Any:
        """Return a Django view of a method, by name. Errors become responses."""

        @csrf_exempt  # SessionAuthentication checks the token itself
        def wrapper(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                response = getattr(self, view)(request, *args, **kwargs)
            except Exception as error:
                response = response_of(self, request, error)
            return self.with_cache_headers(request, response)

        return wrapper

    def with_cache_headers(self, request: Any, response: Any) -> HttpResponseBase:
        """Set Vary and Cache-Control as Meta.cache says. A response that the cache says
        nothing about may be stored, but not used without asking: `no-cache`.
        """
        cache = self._meta.cache
        varies = [*cache.varies, *self._meta.authentication.varies]
        if varies and response.has_header("Vary"):
            patch_vary_headers(response, varies)
        elif varies:
            response.headers["Vary"] = ", ".join(varies)
        if cache.cacheable(request, response):
            patch_cache_control(response, **self.cache_control(request))
        elif not response.has_header("Cache-Control"):
            response.headers["Cache-Control"] = "no-cache"
        return response

    def cache_control(self, request: HttpRequest) -> dict[str, Any]:
        """Return the cache's arguments of patch_cache_control(). Unless the cache says
        `public`, what users with credentials get is private.
        """
        control = dict(self._meta.cache.cache_control())
        known = (
            self._meta.authentication.varies
            or "HTTP_AUTHORIZATION" in request.META
            or settings.SESSION_COOKIE_NAME in request.COOKIES
        )
        if known and not control.get("public"):
            control.pop("s_maxage", None)
            control["private"] = True
        return control

    def method_check(
        self, request: HttpRequest, allowed: list[str] | None = None
    ) -> str:
        """Return the name of the method, in lower case; "get" for HEAD.

        Raise ImmediateHttpResponse with the answer to OPTIONS, and with 405 for a
        method that is not allowed.
        """
        allowed = list(map(str.lower, allowed or []))
        method = (request.method or "").lower()
        if method in allowed and method not in ("head", "options"):
            return method
        answered = [*allowed, *(["head"] if "get" in allowed else []), "options"]
        allow = ", ".join(each.upper() for each in answered)
        if method == "options":
            raise ImmediateHttpResponse(HttpResponse(allow, headers={"Allow": allow}))
        if method not in answered:
            response = self.error_response(
                request,
                {
                    "error": gettext("Method %(method)s is not allowed.")
                    % {"method": request.method}
                },
                response_class=HttpMethodNotAllowed,
            )
            response["Allow"] = allow
            raise ImmediateHttpResponse(response)
        return "get"

    # --- formats ---

    def determine_format(self, request: HttpRequest) -> str:
        """Return the content type of the response: of ?format=, or of Accept.

        Raise UnsupportedSerializationFormat if none is supported.
        """
        serializer, wanted = self._meta.serializer, parameters(request).get("format")
        if wanted:
            if wanted not in serializer.formats:
                raise NotAcceptable(
                    gettext(
                        "Unsupported format %(wanted)r. Supported formats: %(value)s."
                    )
                    % {"wanted": wanted, "value": ", ".join(serializer.formats)}
                )
            return serializer.get_mime_for_format(wanted)
        accept = request.META.get("HTTP_ACCEPT", "*/*")
        if accept == "*/*":
            return self._meta.default_format
        found = preferred(accept, self.offered_types())
        if found is None:
            supported = ", ".join(serializer.supported_formats)
            raise NotAcceptable(
                gettext("Not acceptable. Supported formats: %(supported)s.")
                % {"supported": supported}
            )
        return found

    def offered_types(self) -> tuple[str, ...]:
        """Return the content types of responses, the default one first."""
        serializer = self._meta.serializer
        return (
            self._meta.default_format,
            *serializer.supported_formats,
            *serializer.other_names,
            *([HTML] if self._meta.browsable else []),
        )

    def serialize(
        self, request: HttpRequest, data: Any, format: str, options: Any = None
    ) -> str | bytes:
        """Serialize data in the format of a content type."""
        if format == JSON and isinstance(data, Bundle) and data.text is not None:
            return data.text
        if format == HTML and self._meta.browsable:
            return page(self, request, data)
        return self._meta.serializer.serialize(data, format, options or {})

    def deserialize(
        self, request: HttpRequest, data: bytes, format: str | None = None
    ) -> Any:
        """Deserialize the body by its Content-Type, which is JSON by default."""
        return self._meta.serializer.deserialize(data, format or content_type(request))

    def read_body(self, request: HttpRequest) -> Any:
        """Return the data of the request's body."""
        return self.deserialize(request, request.body, content_type(request))

    def read_object(self, request: HttpRequest) -> dict[str, Any]:
        """Return the data of the request's body. Raise BadRequest unless it is an
        object.
        """
        data = self.read_body(request)
        if not isinstance(data, dict):
            raise BadRequest(gettext("The body must be an object."))
        return data

    def create_response(
        self,
        request: HttpRequest,
        data: Any,
        response_class: type[HttpResponse] = HttpResponse,
        **response_kwargs: Any,
    ) -> HttpResponse:
        """Return a response with the data in the requested format."""
        desired = self.determine_format(request)
        content = self.serialize(request, data, desired)
        return response_class(
            content=content,
            content_type=f"{desired}; charset=utf-8"
            if isinstance(content, str)
            else desired,
            **response_kwargs,
        )

    # --- errors ---

    def get_response_class_for_exception(
        self, request: HttpRequest, exception: Exception
    ) -> type[HttpResponse]:
        """Return the class of the response to an error of the program. A hook."""
        return HttpApplicationError

    def error_response(
        self,
        request: HttpRequest,
        errors: Any,
        response_class: type[HttpResponse] | None = None,
    ) -> HttpResponse:
        """Return the errors in the requested format, or in JSON if that is not
        supported. They say which item of a list they are of.
        """
        response_class = response_class or HttpBadRequest
        errors = with_item(request, errors)
        try:
            return self.create_response(request, errors, response_class)
        except (UnsupportedFormat, SuspiciousOperation):
            content = self._meta.serializer.to_json(errors)
            return response_class(content=content, content_type="application/json")

    def reject(
        self, request: Any, response_class: type[HttpResponse], text: str
    ) -> NoReturn:
        """End the request with an error."""
        raise ImmediateHttpResponse(
            self.error_response(request, {"error": text}, response_class=response_class)
        )


def content_type(request: HttpRequest) -> str:
    """Return the Content-Type of the request, JSON by default."""
    return request.META.get("CONTENT_TYPE") or JSON


def parameters(request: HttpRequest) -> QueryDict:
    """Return the request's GET. It is not parsed if the query string is empty."""
    if "GET" not in vars(request) and not request.META.get("QUERY_STRING"):
        return no_parameters()
    return request.GET


@cache
def no_parameters() -> QueryDict:
    """Return an empty QueryDict, which is immutable."""
    return QueryDict()
