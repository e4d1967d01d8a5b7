"""Keys: the values of a model's fields in URIs."""

import json
import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections, models
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import BadRequest, MalformedKey
from ..fields.models import field_class
from ..fields.plain import IntegerField
from .lookups import limits
from .paths import column

if TYPE_CHECKING:
    from .resource import ModelResource

INTEGER = re.compile(r"-?\d+", re.ASCII)
# Raised for a value that a field cannot have.
MALFORMED = (ValueError, TypeError, ValidationError, ArithmeticError)


def is_number(value: Any) -> bool:
    """Return whether a string is an integer, short enough for Python to parse."""
    if type(value) is not str or len(value) > 30:
        return False
    return INTEGER.fullmatch(value) is not None


class Keys:
    """The keys of a ModelResource."""

    def __init__(self, resource: "ModelResource") -> None:
        self.resource = resource
        self.known_fields: dict[str, tuple[Any, bool, tuple[int, int] | None]] = {}
        self.known_attributes: dict[str, tuple[str | None, list[str]]] = {}

    @property
    def name(self) -> str:
        """The name of the key in URIs."""
        return self.resource._meta.detail_uri_name

    def of(self, obj: Any) -> Any:
        """Return the key of an object."""
        return getattr(obj, self.name)

    def value(self, name: str, value: Any) -> Any:
        """Return the value of a model field for a value in a URI.

        Raise MalformedKey if no object can have it.
        """
        field, is_integer, bounds = self.field(name)
        if field is None or isinstance(value, models.Model):
            return value
        if bounds and (type(value) is int or is_integer and is_number(value)):
            number = int(value)
            if bounds[0] <= number <= bounds[1]:
                return number
        if isinstance(field, models.CompositePrimaryKey):
            return self.composite_value(field, value)
        malformed = MalformedKey(
            gettext("No object has the %(name)s %(value)r.")
            % {"name": name, "value": value}
        )
        if isinstance(value, dict | list | bool | float) or "\x00" in str(value):
            raise malformed
        if is_integer and not INTEGER.fullmatch(str(value)):
            raise malformed
        try:
            value = field.to_python(value)
            field.run_validators(value)
            if not is_integer:
                field.get_db_prep_value(value, connections[self.resource.database])
        except MALFORMED as error:
            raise malformed from error
        return value

    def composite_value(self, field: Any, value: Any) -> tuple[Any, ...]:
        """Return the values of a composite key, which is a JSON list in a URI."""
        malformed = MalformedKey(
            gettext("No object has the key %(value)r.") % {"value": value}
        )
        try:
            parts = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError) as error:
            raise malformed from error
        names = [each.name for each in field.fields]
        if not isinstance(parts, list | tuple) or len(parts) != len(names):
            raise malformed
        if None in parts:
            raise malformed
        return tuple(map(self.value, names, parts))

    def field(self, name: str) -> tuple[Any, bool, tuple[int, int] | None]:
        """Return the model field of a name in a URI, or None; whether its values are
        integers; and the least and the greatest of them.
        """
        if name not in self.known_fields:
            options = self.resource._meta.object_class._meta
            try:
                field = options.pk if name == "pk" else options.get_field(name)
            except FieldDoesNotExist:
                field = None
            while field is not None and field.remote_field:
                field = field.target_field
            integer = field is not None and field_class(field) is IntegerField
            self.known_fields[name] = (
                field, integer, limits(field) if integer else None
            )  # fmt: skip
        return self.known_fields[name]

    def set(self, bundle: Bundle, kwargs: dict[str, Any]) -> None:
        """Set what the URI says on the object. The data cannot override it."""
        lookup = self.resource.lookup_kwargs_with_identifiers(bundle, kwargs)
        key = self.resource._meta.object_class._meta.pk
        if isinstance(key, models.CompositePrimaryKey) and "pk" in lookup:
            names = [each.name for each in key.fields]
            lookup |= zip(names, lookup.pop("pk"), strict=True)
        while "pk" in lookup and key.remote_field and key.remote_field.parent_link:
            key = key.target_field  # the parent's key has the same value
            lookup[key.name] = lookup["pk"]
        for name, value in lookup.items():
            attname, fields = self.attribute(name)
            if attname is None:
                continue
            if bundle.is_new:
                self.check_new(attname, value)
            setattr(bundle.obj, attname, value)
            for own in fields:
                bundle.data.pop(own, None)

    @property
    def are_made(self) -> bool:
        """Whether the database makes the keys, and data may not choose them."""
        field, *_ = self.field("pk")
        return (
            isinstance(field, models.AutoField)
            and not self.resource._meta.writable_keys
        )

    def check_new(self, attname: str, value: Any) -> None:
        """Raise BadRequest for the key of a new object after which too few are left."""
        field = column(self.resource._meta.object_class, attname)
        if not isinstance(field, models.AutoField) or self.resource._meta.writable_keys:
            return
        bounds = limits(field)
        if bounds and type(value) is int and value > bounds[1] // 2:
            raise BadRequest(
                gettext(
                    "No object can be created with the key %(value)s: the keys "
                    "that the database makes follow it. Use one up to %(value2)s."
                )
                % {"value": value, "value2": bounds[1] // 2}
            )

    def attribute(self, name: str) -> tuple[str | None, list[str]]:
        """Return the attribute that a name in a URI sets, or None, and the resource's
        fields of it.
        """
        if name not in self.known_attributes:
            options = self.resource._meta.object_class._meta
            name_in_model = options.pk.attname if name == "pk" else name
            self.known_attributes[name] = (None, [])
            for field in options.fields:
                if name_in_model in (field.name, field.attname) and field.concrete:
                    steps = ([field.name], [field.attname])
                    own = [
                        key
                        for key, each in self.resource.fields.items()
                        if each.steps in steps
                    ]
                    self.known_attributes[name] = (field.attname, own)
        return self.known_attributes[name]
