"""Who asks."""

import base64
import binascii
from typing import Any

from django.contrib.auth import authenticate, get_user_model
from django.middleware.csrf import CsrfViewMiddleware

from .http import HttpUnauthorized


class Authentication:
    """Lets everyone in; the base of all others.

    `is_authenticated` returns True, False, or a response that says why not.
    """

    def __init__(self, require_active: bool = True):
        self.require_active = require_active

    def is_authenticated(self, request, **kwargs) -> Any:
        return True

    def get_identifier(self, request) -> str:
        """What the throttle counts by."""
        meta = request.META
        return (
            f"{meta.get('REMOTE_ADDR', 'noaddr')}_{meta.get('REMOTE_HOST', 'nohost')}"
        )

    def check_active(self, user) -> bool:
        return user.is_active if self.require_active else True

    # The OpenAPI security scheme; None where there is none.
    scheme: dict[str, Any] | None = None


class HeaderAuthentication(Authentication):
    """What comes in the Authorization header, after the word `auth_type`."""

    auth_type = ""
    realm = "api"

    def unauthorized(self) -> HttpUnauthorized:
        response = HttpUnauthorized()
        response["WWW-Authenticate"] = f'{self.auth_type.title()} realm="{self.realm}"'
        return response

    def credentials(self, request) -> str | None:
        """What follows the word; None where it does not begin so."""
        kind, _, rest = request.headers.get("Authorization", "").partition(" ")
        return rest.strip() if kind.lower() == self.auth_type else None

    def user_of(self, request) -> Any:
        """The user of the credentials, or None."""
        raise NotImplementedError

    def is_authenticated(self, request, **kwargs):
        user = self.user_of(request)
        if user is None or not self.check_active(user):
            return self.unauthorized()
        request.user = user
        return True

    def get_identifier(self, request):
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            return user.get_username()
        return super().get_identifier(request)


class BasicAuthentication(HeaderAuthentication):
    """HTTP Basic: a user's name and password, checked by Django's backends."""

    auth_type = "basic"
    scheme = {"type": "http", "scheme": "basic"}

    def __init__(self, backend=None, realm: str = "api", **kwargs):
        super().__init__(**kwargs)
        self.backend, self.realm = backend, realm

    def user_of(self, request):
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
    """`Authorization: ApiKey <username>:<key>`; never in the URL, which is logged."""

    auth_type = "apikey"
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization"}

    def unauthorized(self):
        response = super().unauthorized()
        response["WWW-Authenticate"] = f'ApiKey realm="{self.realm}"'
        return response

    def user_of(self, request):
        username, colon, key = (self.credentials(request) or "").partition(":")
        if not colon or "\x00" in username:
            return None
        try:
            user = get_user_model()._default_manager.get_by_natural_key(username)
        except get_user_model().DoesNotExist:
            user = None
        return user if self.get_key(user, key) is True else None

    def get_key(self, user, api_key: str) -> bool:
        """Whether it is the user's; as slow for a user who is not there."""
        from .models import ApiKey

        found = ApiKey.objects.filter(user=user).first() if user is not None else None
        return (found or ApiKey()).matches(api_key)


class CsrfCheck(CsrfViewMiddleware):
    """Django's check, whose refusal is a sentence."""

    def _reject(self, request, reason):
        return reason


class SessionAuthentication(Authentication):
    """A user who is logged in by Django's session; writes need Django's CSRF token."""

    scheme = {"type": "apiKey", "in": "cookie", "name": "sessionid"}

    def is_authenticated(self, request, **kwargs):
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated or not self.check_active(user):
            return False
        check = CsrfCheck(lambda request: None)
        check.process_request(request)
        # The view is exempt, since other authentications need no token.
        if check.process_view(request, lambda request: None, (), {}) is None:
            return True
        # Nobody, whatever else may let the request in.
        from django.contrib.auth.models import AnonymousUser

        request.user = AnonymousUser()
        return False

    def get_identifier(self, request):
        return request.user.get_username()


class MultiAuthentication(Authentication):
    """The first of several that knows the user."""

    def __init__(self, *backends: Authentication, **kwargs):
        super().__init__(**kwargs)
        self.backends = backends

    def is_authenticated(self, request, **kwargs):
        refused: Any = False
        for backend in self.backends:
            answer = backend.is_authenticated(request, **kwargs)
            if answer is True:
                request._authentication_backend = backend
                return True
            refused = refused or answer
        return refused

    def get_identifier(self, request):
        backend = getattr(request, "_authentication_backend", None)
        return (backend or super()).get_identifier(request)
