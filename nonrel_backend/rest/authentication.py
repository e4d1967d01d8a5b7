"""Authentication: who makes a request."""

import base64
import binascii
from typing import Any

from django.contrib.auth import authenticate, get_user_model
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.translation import gettext

from .http import HttpUnauthorized


class Authentication:
    """Accepts everyone. The base of all others.

    `is_authenticated` returns True, False, or a response that says why not. With
    `require_active`, inactive users are rejected.
    """

    # The security scheme in OpenAPI; None for none.
    scheme: dict[str, Any] | None = None

    def __init__(self, require_active: bool = True) -> None:
        self.require_active = require_active

    @property
    def varies(self) -> tuple[str, ...]:
        """The headers that say who the user is, for Vary."""
        return () if type(self) is Authentication else ("Authorization", "Cookie")

    def is_authenticated(self, request: Any, **kwargs: Any) -> Any:
        """Return whether the user is known, or a response."""
        return True

    def accepts_anyone(self, method: str) -> bool:
        """Return whether requests with a method, such as "get", need no user: OpenAPI
        says so.
        """
        return type(self) is Authentication

    def get_identifier(self, request: Any) -> str:
        """Return the name under which the throttle counts the request."""
        return self.get_address(request)

    def get_address(self, request: Any) -> str:
        """Return where the request comes from. The throttle counts wrong credentials
        under it.
        """
        meta = request.META
        return (
            f"{meta.get('REMOTE_ADDR', 'noaddr')}_{meta.get('REMOTE_HOST', 'nohost')}"
        )

    def check_active(self, user: Any) -> bool:
        """Return whether the user is active, or need not be."""
        return user.is_active if self.require_active else True


def anonymous() -> Any:
    """Return the user of requests without one."""
    # Models can only be imported when the apps are loaded.
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


class HeaderAuthentication(Authentication):
    """The base of authentications by the header Authorization.

    `auth_type` is the scheme that the header begins with.
    """

    auth_type = ""
    realm = "api"
    varies = ("Authorization",)

    def unauthorized(self) -> HttpUnauthorized:
        """Return the response to unknown users."""
        response = HttpUnauthorized()
        response["WWW-Authenticate"] = f'{self.auth_type.title()} realm="{self.realm}"'
        return response

    def credentials(self, request: Any) -> str | None:
        """Return the header without its scheme; None if it has another scheme."""
        kind, _, rest = request.headers.get("Authorization", "").partition(" ")
        return as_utf8(rest.strip()) if kind.lower() == self.auth_type else None

    def user_of(self, request: Any) -> Any:
        """Return the user of the credentials, or None."""
        raise NotImplementedError

    def is_authenticated(self, request: Any, **kwargs: Any) -> Any:
        user = self.user_of(request)
        if user is None or not self.check_active(user):
            if self.credentials(request) is not None:
                # The throttle counts them, even if anonymous users are accepted.
                request.has_wrong_credentials = True
            return self.unauthorized()
        request.user, request.has_wrong_credentials = user, False
        return True

    def get_identifier(self, request: Any) -> str:
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            return user.get_username()
        return super().get_identifier(request)


def as_utf8(text: str) -> str:
    """Return a header, which WSGI reads as Latin-1, as UTF-8 if it is that."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


class BasicAuthentication(HeaderAuthentication):
    """HTTP Basic authentication, by Django's backends or by `backend`."""

    auth_type = "basic"
    scheme = {"type": "http", "scheme": "basic"}

    def __init__(self, backend: Any = None, realm: str = "api", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backend, self.realm = backend, realm

    def user_of(self, request: Any) -> Any:
        given = self.credentials(request)
        if given is None:
            return None
        try:
            text = base64.b64decode(given, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        username, colon, password = text.partition(":")
        if not colon or "\x00" in text:
            return None
        if self.backend is not None:
            return self.backend.authenticate(
                request, username=username, password=password
            )
        return authenticate(request, username=username, password=password)


class ApiKeyAuthentication(HeaderAuthentication):
    """`Authorization: ApiKey <username>:<key>`. Never in the URL, which is logged."""

    auth_type = "apikey"
    scheme = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`ApiKey name:key`, with the user's name and key.",
    }

    def unauthorized(self) -> HttpUnauthorized:
        response = super().unauthorized()
        response["WWW-Authenticate"] = f'ApiKey realm="{self.realm}"'
        return response

    def user_of(self, request: Any) -> Any:
        # The name may have colons; keys have none.
        username, colon, key = (self.credentials(request) or "").rpartition(":")
        if not colon or "\x00" in username:
            return None
        try:
            user = get_user_model()._default_manager.get_by_natural_key(username)
        except get_user_model().DoesNotExist:
            user = None
        return user if self.get_key(user, key) is True else None

    def get_key(self, user: Any, api_key: str) -> bool:
        """Return whether the key is the user's. It takes as long for an unknown user,
        so that the time does not reveal which users exist.
        """
        # Models can only be imported when the apps are loaded.
        from .models import ApiKey

        if user is None:  # look for a key, as for other users
            get_user_model()()
            ApiKey.objects.filter(pk=0).first()
            return ApiKey().matches(api_key)
        found = ApiKey.objects.filter(user=user).first()
        return (found or ApiKey()).matches(api_key)


class CsrfCheck(CsrfViewMiddleware):
    """Django's CSRF check, which returns the reason of a rejection."""

    def _reject(self, request: Any, reason: str) -> Any:
        return reason


class SessionAuthentication(Authentication):
    """The user of Django's session. Writes need Django's CSRF token."""

    scheme = {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of the site: log in there.",
    }
    varies = ("Cookie",)

    def is_authenticated(self, request: Any, **kwargs: Any) -> Any:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated or not self.check_active(user):
            return False
        check = CsrfCheck(lambda request: None)
        check.process_request(request)
        # The view is exempt from the middleware, since other authentications need no
        # token.
        reason = check.process_view(request, lambda request: None, (), {})
        if reason is None:
            return True
        # Another authentication may still accept the request, but not as this user.
        request.user = anonymous()
        response = HttpUnauthorized()
        response.reason = gettext("The CSRF check failed: %(reason)s") % {
            "reason": reason
        }
        return response

    def get_identifier(self, request: Any) -> str:
        return request.user.get_username()


class MultiAuthentication(Authentication):
    """The first of several authentications that knows the user."""

    def __init__(self, *backends: Authentication, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backends = backends

    def accepts_anyone(self, method: str) -> bool:
        return any(each.accepts_anyone(method) for each in self.backends)

    @property
    def varies(self) -> tuple[str, ...]:
        names = [name for each in self.backends for name in each.varies]
        return tuple(dict.fromkeys(names))

    def is_authenticated(self, request: Any, **kwargs: Any) -> Any:
        rejected: Any = False
        for backend in self.backends:
            answer = backend.is_authenticated(request, **kwargs)
            if answer is True:
                request._authentication_backend = backend
                return True
            rejected = rejected or answer
        return rejected

    def get_identifier(self, request: Any) -> str:
        backend = getattr(request, "_authentication_backend", None)
        if backend is None:
            return super().get_identifier(request)
        return backend.get_identifier(request)
