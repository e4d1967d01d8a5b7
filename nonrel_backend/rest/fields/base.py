"""ApiField, the base of all fields of a resource."""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import ApiFieldError, WrongValue


class NOT_PROVIDED:
    """A marker: the field has no default, or the value is left unchanged."""


STEPS = re.compile(r"__|\.")
MISSING = object()


def step(value: Any, name: str) -> Any:
    """Return the attribute or item `name` of an object, a dictionary or a list.

    Return MISSING if there is none. Call a method, but not a manager of related
    objects.
    """
    if isinstance(value, dict):
        return value.get(name, MISSING)
    if isinstance(value, list | tuple):
        if name.isdecimal():
            return value[int(name)] if int(name) < len(value) else MISSING
        return MISSING
    try:
        found = getattr(value, name)
    except ObjectDoesNotExist:
        return None  # of a reverse one-to-one relation this is an AttributeError, too
    except AttributeError:
        return MISSING
    if callable(found) and not hasattr(found, "all"):
        return found()
    return found


class ApiField:
    """The abstract base of all fields.

    A subclass implements `convert` (from the object's value to data) and `clean` (from
    data to the object's value).
    """

    dehydrated_type = "string"
    help_text = ""
    # Further keywords of JSON Schema, such as maxLength.
    limits: dict[str, Any] = {}
    # The model's field, if the resource's was made of it.
    column: Any = None
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
        write_only: bool = False,
    ) -> None:
        if readonly and write_only:
            raise ImproperlyConfigured("A field cannot be readonly and write_only.")
        if not (callable(use_in) or use_in in ("all", "list", "detail")):
            raise ImproperlyConfigured(
                f"use_in is {use_in!r}; it must be 'all', 'list', 'detail' or callable."
            )
        self.instance_name = ""
        # The resource; its class until there is an instance.
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
        self.write_only = write_only
        if help_text is not None:
            self.help_text = help_text

    def contribute_to_class(self, cls: type, name: str) -> None:
        """Name the field after the class attribute that it was assigned to."""
        self.instance_name = name
        self._resource = cls
        self.verbose_name = self.verbose_name or name.replace("_", " ")

    @property
    def has_default(self) -> bool:
        """Whether the field has a default."""
        return self._default is not NOT_PROVIDED

    @property
    def default(self) -> Any:
        """The default; a callable is called."""
        made = callable(self._default) and self.has_default
        return self._default() if made else self._default

    def is_used(self, bundle: Bundle, for_list: bool) -> bool:
        """Return whether this list or detail shows the field."""
        if self.write_only:
            return False
        if self.use_in == "all":
            return True
        if callable(self.use_in):
            return bool(self.use_in(bundle))
        return self.use_in == ("list" if for_list else "detail")

    # --- from the object to data ---

    def dehydrate(self, bundle: Bundle, for_list: bool = True) -> Any:
        """Return the data of the bundle's object."""
        value = self.value_of(bundle)
        return None if value is None else self.convert(value)

    def value_of(self, bundle: Bundle) -> Any:
        """Return the object's value, or the default if it has none."""
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
                    gettext(
                        "The object has no attribute %(name)r, which the field "
                        "%(field)r shows."
                    )
                    % {"name": name, "field": self.instance_name}
                )
            value = found
            if value is None:
                break
        return self.default if value is None and self.has_default else value

    def convert(self, value: Any) -> Any:
        """Convert a value of the object, which is not None, to data."""
        return value

    # --- from data to the object ---

    def hydrate(self, bundle: Bundle) -> Any:
        """Return the object's new value, or NOT_PROVIDED to leave it unchanged."""
        if self.readonly:
            return NOT_PROVIDED
        if self.instance_name not in bundle.data:
            return self.absent(bundle)
        value = bundle.data[self.instance_name]
        if value is None:
            if not self.null:
                raise ApiFieldError(
                    gettext("The '%(field)s' field doesn't allow a null value.")
                    % {"field": self.instance_name}
                )
            return None
        return self.read(value, bundle)

    def read(self, value: Any, bundle: Bundle) -> Any:
        """Convert data, which is not None, to the object's value."""
        return self.clean(value)

    def absent(self, bundle: Bundle) -> Any:
        """Return the new value if the data has none for this field.

        Raise ApiFieldError if the field requires one.
        """
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
            gettext(
                "The '%(field)s' field has no data and doesn't allow a default "
                "or null value."
            )
            % {"field": self.instance_name}
        )

    def clean(self, value: Any) -> Any:
        """Convert data, which is not None, to a value of the object.

        Raise ApiFieldError if the data is invalid.
        """
        return self.convert(value)

    def wrong(self, wanted: str) -> ApiFieldError:
        """Return the error for data that is not `wanted`."""
        return WrongValue(
            self.instance_name, gettext("must be %(wanted)s") % {"wanted": wanted}
        )

    # --- descriptions ---

    def schema(self) -> dict[str, Any]:
        """Return the field's description in `schema/`."""
        default: Any = "No default provided."
        if callable(self._default) and self.has_default:
            default = "Computed when needed."
        elif self.has_default:
            default = self._default
        return {
            "default": default,
            "type": self.dehydrated_type,
            "nullable": self.null,
            "blank": self.blank,
            "readonly": self.readonly,
            "write_only": self.write_only,
            "help_text": self.help_text,
            "unique": self.unique,
            "verbose_name": self.verbose_name,
        }

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the field's values, null excluded."""
        return {"type": "string"}
