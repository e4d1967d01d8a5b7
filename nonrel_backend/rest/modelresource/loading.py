"""What the fields of a page are about to read, in one batch for each relation."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Prefetch, prefetch_related_objects
from django.db.models.constants import LOOKUP_SEP

from ..resource.part import Part


class Loading(Part):
    """How a ModelResource avoids queries in a loop."""

    def load_related(self, objects: list, for_list: bool, asked: Any) -> list:
        if not objects:
            return objects
        wanted = self.prefetches(type(objects[0]), for_list, (), asked.names)
        if wanted:
            prefetch_related_objects(objects, *wanted)
        return objects

    def prefetches(
        self, model: Any, for_list: bool, path: tuple, names: set | None = None
    ) -> list:
        """What prefetch_related() takes, for all relations that are shown."""
        found: list[Any] = []
        for name, field in self.fields.items():
            if names is not None and name not in names:
                continue
            if field.use_in not in ("all", "list" if for_list else "detail"):
                if not callable(field.use_in):
                    continue
            if isinstance(field.attribute, str):
                found += self.prefetches_of(field, model, for_list, path)
        return found

    def prefetches_of(
        self, field: Any, model: Any, for_list: bool, path: tuple
    ) -> list:
        way, last, target = relations(model, field.steps)
        if not way:
            return []
        prefix = LOOKUP_SEP.join(way)
        if not field.is_related or target is None:
            return [prefix]
        full = field.full and field.place not in path
        if full:
            wanted = field.full_list if for_list else field.full_detail
            full = bool(wanted)
        if full:
            inner = field.related.prefetches(target, for_list, (*path, field.place))
            return [prefix, *(below(prefix, each) for each in inner)]
        if field.is_m2m:
            columns = key_columns(field.related, last)
            if columns is None:
                return [prefix]
            queryset = target._default_manager.only(*columns)
            return [Prefetch(prefix, queryset=queryset)]
        if field.related.key_reader(model, field.steps) is not None:
            return []
        return [prefix]


def relations(model: Any, steps: list[str]) -> tuple[list[str], Any, Any]:
    """(the steps that are relations, the last relation, the model it leads to).

    The model is None where the steps lead on, to a value.
    """
    way: list[str] = []
    last = None
    for name in steps:
        found = relation(model, name)
        if found is None:
            return way, last, None
        way.append(name)
        last, model = found, found.related_model
    return way, last, model


def relation(model: Any, name: str) -> Any:
    """The model's relation by the name of its attribute; None where it is none."""
    try:
        found = model._meta.get_field(name)
        if found.is_relation and found.related_model is not None:
            if not found.auto_created or found.concrete:
                return found
    except FieldDoesNotExist:
        pass
    for each in model._meta.related_objects:
        if each.get_accessor_name() == name:
            return each
    return None


def key_columns(resource: Any, last: Any) -> list[str] | None:
    """The columns that make a URI; None where a method may need others."""
    if not resource.has_plain_uris:
        return None
    columns = ["pk"]
    if resource._meta.detail_uri_name != "pk":
        columns.append(resource._meta.detail_uri_name)
    if last.one_to_many:
        if not last.concrete and hasattr(last, "field"):
            columns.append(last.field.name)
        else:
            return None
    return columns


def below(prefix: str, wanted: Any) -> Any:
    """A lookup of a related object's, as one of the object's."""
    if isinstance(wanted, Prefetch):
        wanted.add_prefix(prefix)
        return wanted
    return f"{prefix}{LOOKUP_SEP}{wanted}"
