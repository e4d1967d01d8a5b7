"""YAML: a body is read event by event, with bounds on its depth and its size.

Only what JSON has and dates are values: no aliases, and no tags of other types.
"""

from typing import Any

from django.utils.translation import gettext

from ..exceptions import BadRequest
from .checks import too_deep

PREFIX = "tag:yaml.org,2002:"
# The tags of values that are read. A tag may be given, or follow from the value.
SCALARS = {f"{PREFIX}{name}" for name in ("null", "bool", "int", "float", "timestamp")}
COLLECTIONS = {None, "!", f"{PREFIX}seq", f"{PREFIX}map"}
TEXT = f"{PREFIX}str"
# The most digits of a number, as of one in JSON.
MAX_BITS = 14_000


class Reader:
    """Reads one document from a loader of `yaml`, the library."""

    def __init__(
        self, yaml: Any, content: bytes | str, max_depth: int, max_values: int
    ) -> None:
        self.yaml, self.max_depth, self.max_values = yaml, max_depth, max_values
        # libyaml, if PyYAML has it.
        self.loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(content)
        self.count = 0

    def document(self) -> Any:
        """Return the data of the only document."""
        events = self.yaml.events
        try:
            self.loader.get_event()  # the start of the stream
            if isinstance(self.loader.get_event(), events.StreamEndEvent):
                return None
            data = self.value(self.loader.get_event(), 0)
            self.loader.get_event()  # the end of the document
            if not isinstance(self.loader.get_event(), events.StreamEndEvent):
                raise BadRequest(gettext("The body has more than one YAML document."))
            return data
        finally:
            self.loader.dispose()

    def value(self, event: Any, depth: int) -> Any:
        """Return the data that an event begins."""
        self.count += 1
        if self.count > self.max_values:
            raise BadRequest(
                gettext(
                    "The body has more than %(max_values)s values. Send it in "
                    "parts or as JSON."
                )
                % {"max_values": self.max_values}
            )
        kind, events = type(event), self.yaml.events
        if kind is events.ScalarEvent:
            return self.scalar(event)
        if kind is events.AliasEvent:
            raise BadRequest(gettext("YAML aliases are not allowed."))
        if depth >= self.max_depth:
            raise too_deep(self.max_depth)
        if event.tag not in COLLECTIONS:
            raise BadRequest(
                gettext("The YAML tag %(tag)r is not supported.") % {"tag": event.tag}
            )
        next_event = self.loader.get_event
        if kind is events.SequenceStartEvent:
            items = []
            while type(each := next_event()) is not events.SequenceEndEvent:
                items.append(self.value(each, depth + 1))
            return items
        found = {}
        while type(each := next_event()) is not events.MappingEndEvent:
            name = self.value(each, depth + 1)
            if type(name) is not str:
                raise BadRequest(gettext("A name in the body is not a string."))
            found[name] = self.value(next_event(), depth + 1)
        return found

    def scalar(self, event: Any) -> Any:
        """Return the value of a scalar."""
        yaml, text, tag = self.yaml, event.value, event.tag
        if tag is None or tag == "!":
            tag = self.loader.resolve(yaml.ScalarNode, text, event.implicit)
        if tag == TEXT or (tag.endswith(("int", "float")) and ":" in text):
            return text  # 10:30 is a time here, and not 630
        if tag not in SCALARS:
            if tag in (f"{PREFIX}merge", f"{PREFIX}value"):
                return text  # << and =
            raise BadRequest(
                gettext("The YAML tag %(tag)r is not supported.") % {"tag": tag}
            )
        construct = self.loader.yaml_constructors[tag]
        try:
            value = construct(self.loader, yaml.ScalarNode(tag, text))
        except (LookupError, AttributeError) as error:  # a tag was given
            raise BadRequest(
                gettext("%(text)r is not a YAML %(value)s.")
                % {"text": text, "value": tag[len(PREFIX) :]}
            ) from error
        if type(value) is int and value.bit_length() > MAX_BITS:
            raise BadRequest(gettext("A number in the body has too many digits."))
        return value
