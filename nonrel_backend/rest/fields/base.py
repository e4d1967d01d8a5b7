"""What all fields share: where the data is, and whether it may be left out."""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist

from ..exceptions import ApiFieldError, WrongValue


class NOT_PROVIDED:
    """What stands for no default, and for a value that is left as it is."""


STEPS = re.compile(r"__|\.")
MISSING = object()


def step(value: Any, name: str) -> Any:
    """What `name` leads to in an object, a dictionary or a list; MISSING for nothing.

    A method that needs no arguments is called; a manager of related objects is not.
    """
    if isinstance(value, dict):
        return value.get(name, MISSING)
    if isinstance(value, list | tuple):
        if name.isdecimal():
            return value[int(name)] if int(name) < len(value) else MISSING
        return MISSING
    try:
        found = getattr(value, name, MISSING)
    except ObjectDoesNotExist:
        return None
    if callable(found) and not hasattr(found, "all"):
        return found()
    return found


class ApiField:
    """The base of all fields: not for direct use.

    A subclass says how a value is shown (`convert`) and how data is read (`clean`).
    """

    dehydrated_type = "string"
    help_text = ""
    # What JSON Schema may say besides the type, as maxLength.
    limits: dict[str, Any] = {}
    is_related = False
    is_m2m = False

    def __init__(
        self,
        attribute: str | Callable[[Any], Any] | None = None,
        default: Any = NOT_PROVIDED,
        null: bool = False,
        blank: bool = False,
        readonly: bool = False,
        unique: bool = False,
        help_text: str | None = None,
        use_in: str | Callable[[Any], bool] = "all",
        verbose_name: str | None = None,
    ):
        if not (callable(use_in) or use_in in ("all", "list", "detail")):
            raise ImproperlyConfigured(
                f"use_in is {use_in!r}; it must be 'all', 'list', 'detail' or callable."
            )
        self.instance_name = ""
        self._resource: Any = None
        self.attribute = attribute
        self.steps = STEPS.split(attribute) if isinstance(attribute, str) else []
        self._default = default
        self.null = null
        self.blank = blank
        self.readonly = readonly
        self.unique = unique
        self.use_in = use_in
        self.verbose_name = verbose_name
        if help_text is not None:
            self.help_text = help_text

    def contribute_to_class(self, cls, name: str) -> None:
        self.instance_name = name
        self._resource = cls
        self.verbose_name = self.verbose_name or name.replace("_", " ")

    @property
    def has_default(self) -> bool:
        return self._default is not NOT_PROVIDED

    @property
    def default(self) -> Any:
        made = callable(self._default) and self.has_default
        return self._default() if made else self._default

    def is_used(self, bundle, for_list: bool) -> bool:
        """Whether it is shown in this list or detail."""
        if self.use_in == "all":
            return True
        if callable(self.use_in):
            return bool(self.use_in(bundle))
        return self.use_in == ("list" if for_list else "detail")

    # --- showing ---

    def dehydrate(self, bundle, for_list: bool = True) -> Any:
        value = self.value_of(bundle)
        return None if value is None else self.convert(value)

    def value_of(self, bundle) -> Any:
        """The object's value, or the default where it has none."""
        value = bundle.obj
        if callable(self.attribute):
            value = self.attribute(bundle)
        elif self.attribute is None:
            value = None
        for position, name in enumerate(self.steps):
            found = step(value, name)
            if found is MISSING:
                if position or self.has_default or isinstance(value, dict):
                    value = None
                    break
                raise ApiFieldError(
                    f"The object has no attribute {name!r}, which the field "
                    f"{self.instance_name!r} shows."
                )
            value = found
            if value is None:
                break
        return self.default if value is None and self.has_default else value

    def convert(self, value: Any) -> Any:
        """A value of the object, not None, as data."""
        return value

    # --- reading ---

    def hydrate(self, bundle) -> Any:
        """The object's new value; NOT_PROVIDED leaves what it has."""
        if self.readonly:
            return NOT_PROVIDED
        if self.instance_name not in bundle.data:
            return self.absent(bundle)
        value = bundle.data[self.instance_name]
        if value is None:
            if not self.null:
                raise ApiFieldError(
                    f"The '{self.instance_name}' field doesn't allow a null value."
                )
            return None
        return self.read(value, bundle)

    def read(self, value: Any, bundle) -> Any:
        return self.clean(value)

    def absent(self, bundle) -> Any:
        """The new value where the data has none."""
        if bundle.is_new is False:
            return NOT_PROVIDED
        value = step(bundle.obj, self.steps[0]) if len(self.steps) == 1 else None
        if value is not MISSING and value:
            return NOT_PROVIDED
        if self.has_default:
            return self.default
        if self.blank:
            return NOT_PROVIDED
        if self.null:
            return None
        raise ApiFieldError(
            f"The '{self.instance_name}' field has no data and doesn't allow a default "
            "or null value."
        )

    def clean(self, value: Any) -> Any:
        """Data, not None, as a value of the object; ApiFieldError for what is none."""
        return self.convert(value)

    def wrong(self, wanted: str) -> ApiFieldError:
        return WrongValue(self.instance_name, f"takes {wanted}")

    # --- describing ---

    def schema(self) -> dict[str, Any]:
        """What `schema/` says of it."""
        default: Any = "No default provided."
        if callable(self._default) and self.has_default:
            default = "Made when it is needed."
        elif self.has_default:
            default = self._default
        return {
            "default": default,
            "type": self.dehydrated_type,
            "nullable": self.null,
            "blank": self.blank,
            "readonly": self.readonly,
            "help_text": self.help_text,
            "unique": self.unique,
            "verbose_name": self.verbose_name,
        }

    def json_schema(self) -> dict[str, Any]:
        """What it is in JSON Schema; without null."""
        return {"type": "string"}
