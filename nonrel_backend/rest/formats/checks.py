"""Checks of received data that no format makes: depth, names, numbers, characters."""

import json
import math
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext

from ..exceptions import BadRequest

# Values that need no further look.
PLAIN = {str, int, bool, type(None)}


def too_deep(most: int) -> BadRequest:
    """Return the error for data that is nested too deeply."""
    return BadRequest(
        gettext("The body is nested deeper than %(most)s levels.") % {"most": most}
    )


def check_data(data: Any, max_depth: int, is_json: bool) -> None:
    """Raise BadRequest for data that is nested too deeply and, unless JSON excludes
    them, for names that are no strings and for NaN and infinity.
    """
    level = [data]
    for _ in range(max_depth):
        found: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                found += each.values()
                if not (is_json or all(isinstance(name, str) for name in each)):
                    raise BadRequest(gettext("A name in the body is not a string."))
            elif isinstance(each, list):
                found += each
            elif not is_json and isinstance(each, float) and not math.isfinite(each):
                raise BadRequest(gettext("A number in the body is not finite."))
        level = [each for each in found if type(each) not in PLAIN]
        if not level:
            return
    raise too_deep(max_depth)


def check_characters(content: bytes | str, data: Any, simplified: Callable) -> None:
    """Raise BadRequest for half a surrogate pair, which only an escape can make."""
    written = content if isinstance(content, bytes) else content.encode()
    if b"\\" not in written:
        return
    try:
        json.dumps(data, default=simplified, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            gettext("A string in the body has half a surrogate pair.")
        ) from error
