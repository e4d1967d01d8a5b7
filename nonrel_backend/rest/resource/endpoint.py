"""From request to response: the checks around a method, and the formats."""

from functools import cache
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from ..bundle import Bundle
from ..errors import response_of
from ..exceptions import BadRequest, ImmediateHttpResponse, UnsupportedFormat
from ..exceptions import UnsupportedSerializationFormat as NotAcceptable
from ..http import (
    HttpBadRequest,
    HttpMethodNotAllowed,
    HttpNoContent,
    HttpNotImplemented,
    HttpTooManyRequests,
    HttpUnauthorized,
)
from ..throttle import BaseThrottle
from .part import Part

JSON = "application/json"
OVERRIDE = "HTTP_X_HTTP_METHOD_OVERRIDE"


class Dispatch(Part):
    """What a resource does around its methods."""

    def wrap_view(self, view: str) -> Any:
        """A Django view of one of the methods; errors become responses."""

        @csrf_exempt  # SessionAuthentication checks it itself
        def wrapper(request, *args, **kwargs):
            try:
                response = getattr(self, view)(request, *args, **kwargs)
            except Exception as error:
                response = response_of(self, request, error)
            return self.with_cache_headers(request, response)

        return wrapper

    def with_cache_headers(self, request: Any, response: HttpResponse) -> HttpResponse:
        cache = self._meta.cache
        if cache.varies and response.has_header("Vary"):
            patch_vary_headers(response, cache.varies)
        elif cache.varies:
            response.headers["Vary"] = ", ".join(cache.varies)
        if cache.cacheable(request, response):
            patch_cache_control(response, **cache.cache_control())
        return response

    # --- the checks ---

    def dispatch_list(self, request: HttpRequest, **kwargs) -> HttpResponseBase:
        """A view of the whole list."""
        return self.dispatch("list", request, **kwargs)

    def dispatch_detail(self, request: HttpRequest, **kwargs) -> HttpResponseBase:
        """A view of one object."""
        return self.dispatch("detail", request, **kwargs)

    def dispatch(
        self, request_type: str, request: HttpRequest, **kwargs
    ) -> HttpResponseBase:
        """Check, and call the method, as get_list."""
        override_method(request)
        allowed = getattr(self._meta, f"{request_type}_allowed_methods")
        if request_type == "detail" and not self.has_post_detail:
            allowed = [each for each in allowed if each != "post"]
        name = self.method_check(request, allowed)
        method = getattr(self, f"{name}_{request_type}", None)
        if method is None:
            raise ImmediateHttpResponse(HttpNotImplemented())
        self.is_authenticated(request)
        self.is_authorized(request)
        self.throttle_check(request)
        if name != "get" and self._meta.always_return_data:
            self.determine_format(request)  # 406 before anything is written
        response = method(request, **kwargs)
        self.log_throttled_access(request)
        if isinstance(response, HttpResponseBase):
            return response
        if response is None:
            return HttpNoContent()
        return self.create_response(request, response)

    def method_check(
        self, request: HttpRequest, allowed: list[str] | None = None
    ) -> str:
        """The name of the method, in lower case; 405 where it is not allowed."""
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
                {"error": f"The method {request.method} is not allowed here."},
                response_class=HttpMethodNotAllowed,
            )
            response["Allow"] = allow
            raise ImmediateHttpResponse(response)
        return "get"  # of HEAD

    def is_authenticated(self, request: HttpRequest) -> None:
        """401, or what Meta.authentication answers, where the user is not known."""
        answer = self._meta.authentication.is_authenticated(request)
        if answer is True:
            return
        if isinstance(answer, HttpResponse) and answer.content:
            raise ImmediateHttpResponse(answer)
        response = self.error_response(
            request, {"error": "Say who you are."}, HttpUnauthorized
        )
        if isinstance(answer, HttpResponse) and "WWW-Authenticate" in answer:
            response["WWW-Authenticate"] = answer["WWW-Authenticate"]
        raise ImmediateHttpResponse(response)

    def is_authorized(self, request: HttpRequest, object: Any = None) -> None:
        """401 where an authorization of the older kind says no."""
        check = getattr(self._meta.authorization, "is_authorized", None)
        if check is None:
            return
        answer = check(request, object)
        if isinstance(answer, HttpResponse):
            raise ImmediateHttpResponse(answer)
        if answer is not True:
            raise ImmediateHttpResponse(HttpUnauthorized())

    def throttle_check(self, request: HttpRequest) -> None:
        """429, with Retry-After, where the user has asked too often."""
        if type(self._meta.throttle) is BaseThrottle:
            return
        identifier = self._meta.authentication.get_identifier(request)
        wait = self._meta.throttle.should_be_throttled(identifier)
        if not wait:
            return
        response = self.error_response(
            request,
            {"error": "You have asked too often: try again later."},
            response_class=HttpTooManyRequests,
        )
        seconds = self._meta.throttle.timeframe if wait is True else int(wait)
        response["Retry-After"] = str(seconds)
        raise ImmediateHttpResponse(response)

    def log_throttled_access(self, request: HttpRequest) -> None:
        """Tell the throttle that the request was answered."""
        if type(self._meta.throttle) is BaseThrottle:
            return
        self._meta.throttle.accessed(
            self._meta.authentication.get_identifier(request),
            url=request.get_full_path(),
            request_method=(request.method or "").lower(),
        )

    # --- the formats ---

    def determine_format(self, request: HttpRequest) -> str:
        """The content type of the response: of ?format=, or what Accept prefers."""
        serializer, wanted = self._meta.serializer, parameters(request).get("format")
        if wanted:
            if wanted not in serializer.formats:
                raise NotAcceptable(f"There is no format {wanted!r} here.")
            return serializer.get_mime_for_format(wanted)
        default = self._meta.default_format
        if request.META.get("HTTP_ACCEPT", "*/*") == "*/*":
            return default
        types = [default, *serializer.supported_formats, *serializer.other_names]
        found = request.get_preferred_type(types)
        if found is None:
            raise NotAcceptable(
                "None of the formats that you accept is spoken here; these are: "
                f"{', '.join(serializer.supported_formats)}."
            )
        return found

    def serialize(
        self, request: HttpRequest, data: Any, format: str, options: Any = None
    ) -> str | bytes:
        if format == JSON and isinstance(data, Bundle) and data.text is not None:
            return data.text
        return self._meta.serializer.serialize(data, format, options or {})

    def deserialize(
        self, request: HttpRequest, data: bytes, format: str | None = None
    ) -> Any:
        """The body's data, by its Content-Type; JSON without one."""
        return self._meta.serializer.deserialize(data, format or content_type(request))

    def read_body(self, request: HttpRequest) -> Any:
        return self.deserialize(request, request.body, content_type(request))

    def read_object(self, request: HttpRequest) -> dict[str, Any]:
        data = self.read_body(request)
        if not isinstance(data, dict):
            raise BadRequest("The body must be an object.")
        return data

    def create_response(
        self,
        request: HttpRequest,
        data: Any,
        response_class: type[HttpResponse] = HttpResponse,
        **response_kwargs,
    ) -> HttpResponse:
        """A response with the data in the format that is asked for."""
        desired = self.determine_format(request)
        content = self.serialize(request, data, desired)
        return response_class(
            content=content,
            content_type=f"{desired}; charset=utf-8"
            if isinstance(content, str)
            else desired,
            **response_kwargs,
        )

    def error_response(
        self,
        request: HttpRequest,
        errors: Any,
        response_class: type[HttpResponse] | None = None,
    ) -> HttpResponse:
        """The errors in the format that is asked for, in JSON where it is none."""
        response_class = response_class or HttpBadRequest
        try:
            return self.create_response(request, errors, response_class)
        except (UnsupportedFormat, SuspiciousOperation):
            content = self._meta.serializer.to_json(errors)
            return response_class(content=content, content_type="application/json")

    def unauthorized_result(self, exception: Exception) -> None:
        """A hook: what an Unauthorized becomes."""
        raise exception

    # --- the four hooks on what is sent and received ---

    def alter_list_data_to_serialize(self, request: HttpRequest, data: Any) -> Any:
        return data

    def alter_detail_data_to_serialize(self, request: HttpRequest, data: Bundle) -> Any:
        return data

    def alter_deserialized_list_data(self, request: HttpRequest, data: Any) -> Any:
        return data

    def alter_deserialized_detail_data(self, request: HttpRequest, data: Any) -> Any:
        return data


def content_type(request: HttpRequest) -> str:
    return request.META.get("CONTENT_TYPE") or "application/json"


def override_method(request: HttpRequest) -> None:
    """A POST may stand for another method, for those who can send none."""
    wanted = request.META.get(OVERRIDE)
    if wanted and request.method == "POST":
        request.method = wanted.upper()


def parameters(request: HttpRequest) -> QueryDict:
    """The request's GET, which is not parsed where there is nothing in it."""
    if "GET" not in vars(request) and not request.META.get("QUERY_STRING"):
        return no_parameters()
    return request.GET


@cache
def no_parameters() -> QueryDict:
    return QueryDict()
