"""XML: data as elements and back. Each element has its type, except for strings.

<response><objects type="list"><object><title>A</title>…</object></objects></response>
"""

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from django.utils.translation import gettext

from ..exceptions import BadRequest

NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
# Characters that XML 1.0 cannot represent.
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TYPES: dict[str | None, Any] = {
    "integer": int,
    "float": float,
    "boolean": lambda text: text == "True",
}


def to_xml(data: Any) -> bytes:
    """Serialize simple data as XML."""
    root = Element("response" if isinstance(data, dict) else "objects")
    fill(root, data)
    return b"<?xml version='1.0' encoding='utf-8'?>\n" + tostring(root, "utf-8")


def fill(element: Element, data: Any) -> None:
    """Set the data of an element."""
    kind = {bool: "boolean", int: "integer", float: "float", dict: "hash"}.get(
        type(data)
    )
    if data is None:
        element.set("type", "null")
    elif isinstance(data, list):
        element.set("type", "list")
        for each in data:
            fill(
                SubElement(element, "object" if isinstance(each, dict) else "value"),
                each,
            )
    elif isinstance(data, dict):
        element.set("type", "hash")
        for name, value in data.items():
            fill(child(element, name), value)
    else:
        if kind:
            element.set("type", kind)
        element.text = UNWRITABLE.sub("\ufffd", str(data))


def child(element: Element, name: str) -> Element:
    """Add a child for a name, which is an attribute if it is not valid as a tag."""
    if NAME.fullmatch(name):
        return SubElement(element, name)
    return SubElement(element, "item", {"name": UNWRITABLE.sub("\ufffd", name)})


def from_xml(content: bytes | str) -> Any:
    """Deserialize XML. Raise BadRequest if it is invalid, or has a DTD."""
    # An optional dependency.
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(content, forbid_dtd=True)
        return value_of(root, 0)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadRequest(
            gettext("The body is not valid XML: %(error)s") % {"error": error}
        ) from error


def value_of(element: Element, depth: int) -> Any:
    """Return the data of an element."""
    if depth > 500:
        raise BadRequest(gettext("The body is nested too deeply."))
    kind = element.get("type")
    if kind == "null":
        return None
    if kind == "list" or element.tag == "objects":
        return [value_of(each, depth + 1) for each in element]
    if (
        kind == "hash"
        or element.tag in ("object", "request", "response")
        or len(element)
    ):
        return {
            each.get("name", each.tag): value_of(each, depth + 1) for each in element
        }
    text = element.text or ""
    return TYPES[kind](text) if kind in TYPES else text
