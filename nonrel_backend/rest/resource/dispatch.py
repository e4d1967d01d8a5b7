"""Dispatch: from a request to the method of a resource that answers it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ..exceptions import ImmediateHttpResponse
from ..http import HttpNoContent, HttpNotImplemented
from .checks import Checks

OVERRIDE = "HTTP_X_HTTP_METHOD_OVERRIDE"


class Dispatch(Checks):
    """The views of lists and details."""

    def dispatch_list(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Answer a request for the list."""
        return self.dispatch("list", request, **kwargs)

    def dispatch_detail(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Answer a request for one object."""
        return self.dispatch("detail", request, **kwargs)

    def dispatch(
        self, request_type: str, request: HttpRequest, **kwargs: Any
    ) -> HttpResponseBase:
        """Check the request and call the method, such as get_list()."""
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

    def post_detail(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Create an object below this one. Override it to allow POST on details."""
        raise NotImplementedError

    @property
    def has_post_detail(self) -> bool:
        """Whether post_detail() is implemented."""
        return type(self).post_detail is not Dispatch.post_detail

    def unauthorized_result(self, exception: Exception) -> None:
        """Handle an Unauthorized error: raise it. A hook."""
        raise exception


def override_method(request: HttpRequest) -> None:
    """Apply X-HTTP-Method-Override to a POST, for clients that only send GET and
    POST.
    """
    wanted = request.META.get(OVERRIDE)
    if wanted and request.method == "POST":
        request.method = wanted.upper()
