"""The slash at the end of URLs."""

from ..conf import setting


def ending() -> str:
    """Return how URL patterns end."""
    return "/?" if setting("ALLOW_MISSING_SLASH", False) else "/"


class Ending(str):
    """A text that may be called, since projects do either."""

    def __call__(self) -> str:
        return ending()


trailing_slash = Ending(ending())
