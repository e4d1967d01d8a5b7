"""JWTAuthentication: JSON Web Tokens, verified by PyJWT."""

from typing import Any

import jwt
from django.contrib.auth import get_user_model
from django.core.exceptions import (
    ImproperlyConfigured,
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    ValidationError,
)

from ..authentication import HeaderAuthentication
from ..conf import setting

UNKNOWN = (
    ObjectDoesNotExist, MultipleObjectsReturned, ValidationError, ValueError, TypeError,
    ArithmeticError,
)  # fmt: skip


class JWTAuthentication(HeaderAuthentication):
    """`Authorization: Bearer <token>`. The token names the user, and must have an
    expiry.

    Without arguments, `REST_JWT_KEY` is the key that verifies tokens, and
    `REST_JWT_ALGORITHM` the only algorithm that is accepted, HS256 by default.
    `REST_JWT_AUDIENCE` and `REST_JWT_ISSUER`, if set, must be those of the token. The
    claim `user_claim` has the value of the user's field `user_field`.
    """

    auth_type = "bearer"
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

    def __init__(
        self,
        key: Any = None,
        algorithm: str | None = None,
        audience: str | None = None,
        issuer: str | None = None,
        user_claim: str = "sub",
        user_field: str = "pk",
        leeway: float = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.key, self.algorithm = key, algorithm
        self.audience, self.issuer = audience, issuer
        self.user_claim, self.user_field = user_claim, user_field
        self.leeway = leeway

    def get_key(self) -> Any:
        """Return the key that verifies tokens: a secret, or a public key."""
        found = self.key or setting("JWT_KEY")
        if not found:
            raise ImproperlyConfigured("JWTAuthentication needs REST_JWT_KEY.")
        return found

    def get_algorithm(self) -> str:
        """Return the only algorithm that is accepted."""
        found = self.algorithm or setting("JWT_ALGORITHM", "HS256")
        if not isinstance(found, str) or found.lower() == "none":
            raise ImproperlyConfigured(
                f"REST_JWT_ALGORITHM is {found!r}; it must name one that signs."
            )
        return found

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a valid token, or None."""
        key, algorithm = self.get_key(), self.get_algorithm()
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self.audience or setting("JWT_AUDIENCE"),
                issuer=self.issuer or setting("JWT_ISSUER"),
                leeway=self.leeway,
                options={"require": ["exp", self.user_claim]},
            )
        except jwt.InvalidKeyError as error:
            raise ImproperlyConfigured(
                f"REST_JWT_KEY is no key of {algorithm}."
            ) from error
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    def user_of(self, request: Any) -> Any:
        token = self.credentials(request)
        claims = None if token is None else self.claims(token)
        if claims is None:
            return None
        value = claims[self.user_claim]
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        if "\x00" in str(value):
            return None
        try:
            users = get_user_model()._default_manager
            return users.get(**{self.user_field: value})
        except UNKNOWN:
            return None
