"""Checks: who makes a request, and how often, before it is answered."""

from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from ..exceptions import ImmediateHttpResponse
from ..http import HttpTooManyRequests, HttpUnauthorized
from ..throttle import BaseThrottle
from .endpoint import Endpoint


class Checks(Endpoint):
    """The authentication, the older authorization and the throttle of `_meta`."""

    def is_authenticated(self, request: HttpRequest) -> None:
        """Raise ImmediateHttpResponse, with the response of Meta.authentication or with
        401, if the user is unknown.
        """
        self.check_failures(request)
        answer = self._meta.authentication.is_authenticated(request)
        self.count_failure(request, answer)
        if answer is True:
            return
        if isinstance(answer, HttpResponse) and answer.content:
            raise ImmediateHttpResponse(answer)
        reason = getattr(answer, "reason", HttpUnauthorized.reason)
        response = self.error_response(request, {"error": reason}, HttpUnauthorized)
        if isinstance(answer, HttpResponse) and "WWW-Authenticate" in answer:
            response["WWW-Authenticate"] = answer["WWW-Authenticate"]
        raise ImmediateHttpResponse(response)

    def is_authorized(self, request: HttpRequest, object: Any = None) -> None:
        """Raise ImmediateHttpResponse if an authorization with is_authorized(), the
        older interface, rejects the request.
        """
        check = getattr(self._meta.authorization, "is_authorized", None)
        if check is None:
            return
        answer = check(request, object)
        if isinstance(answer, HttpResponse):
            raise ImmediateHttpResponse(answer)
        if answer is not True:
            raise ImmediateHttpResponse(HttpUnauthorized())

    def throttle_check(self, request: HttpRequest) -> None:
        """Raise ImmediateHttpResponse with 429 and Retry-After if the user has made too
        many requests.
        """
        if type(self._meta.throttle) is BaseThrottle:
            return
        identifier = self._meta.authentication.get_identifier(request)
        wait = self._meta.throttle.should_be_throttled(identifier)
        if wait:
            self.reject_too_many(request, wait)

    def reject_too_many(self, request: HttpRequest, wait: bool | int) -> NoReturn:
        """End the request with 429. `wait` are the seconds until the next one."""
        response = self.error_response(
            request,
            {"error": gettext("Too many requests. Try again later.")},
            response_class=HttpTooManyRequests,
        )
        seconds = self._meta.throttle.timeframe if wait is True else int(wait)
        response["Retry-After"] = str(seconds)
        raise ImmediateHttpResponse(response)

    def check_failures(self, request: HttpRequest) -> None:
        """Raise ImmediateHttpResponse with 429, before any password is checked, if too
        many wrong credentials came from the request's address.
        """
        throttle = self._meta.throttle
        if type(throttle) is BaseThrottle or "HTTP_AUTHORIZATION" not in request.META:
            return
        wait = throttle.is_exhausted(self.name_of_failures(request))
        if wait:
            self.reject_too_many(request, wait)

    def count_failure(self, request: HttpRequest, answer: Any) -> None:
        """Have the throttle count wrong credentials."""
        throttle = self._meta.throttle
        if type(throttle) is BaseThrottle or "HTTP_AUTHORIZATION" not in request.META:
            return
        if answer is not True or getattr(request, "has_wrong_credentials", False):
            throttle.should_be_throttled(self.name_of_failures(request))

    def name_of_failures(self, request: HttpRequest) -> str:
        """Return the name under which the throttle counts wrong credentials."""
        return f"failed_{self._meta.authentication.get_address(request)}"

    def log_throttled_access(self, request: HttpRequest) -> None:
        """Tell the throttle that the request was answered."""
        if type(self._meta.throttle) is BaseThrottle:
            return
        self._meta.throttle.accessed(
            self._meta.authentication.get_identifier(request),
            url=request.get_full_path(),
            request_method=(request.method or "").lower(),
        )

    def check_get(self, request: HttpRequest) -> None:
        """Run all checks for a view that answers GET only."""
        self.method_check(request, allowed=["get"])
        self.is_authenticated(request)
        self.is_authorized(request)
        self.throttle_check(request)
