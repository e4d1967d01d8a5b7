"""ModelRelations: what a relation asks of a ModelResource that it leads to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.db import connections
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import (
    ApiFieldError,
    BadRequest,
    MalformedKey,
    NotFound,
    Unauthorized,
)
from ..fields.base import ApiField
from ..fields.related import RelatedField
from ..resource.relations import Relations
from .paths import column, relation, relations, reverse_one_to_one
from .readable import is_marked, is_readable, keys_of, marked, readable
from .state import changed, is_ours, state

if TYPE_CHECKING:
    from ..resource.resource import Resource
    from .resource import ModelResource


class ModelRelations(Relations):
    """The answers of a ModelResource."""

    resource: "ModelResource"

    def __init__(self, resource: "ModelResource") -> None:
        super().__init__(resource)
        # What the three methods below have found, by model and steps or by field.
        self.known_readers: dict[tuple[Any, ...], Callable[[Any], Any] | None] = {}
        self.known_constraints: dict[str, bool] = {}
        self.known_key_fields: dict[str, bool] = {}

    def field(self, name: str) -> RelatedField:
        """Return the relation with this name."""
        return cast(RelatedField, self.resource.fields[name])

    def stored_by(self, field: RelatedField) -> Any:
        """Return the related model's field that stores a relation to one object, if it
        is the reverse of a OneToOneField; None for any other relation.
        """
        if field.is_m2m:
            return None
        return reverse_one_to_one(self.resource._meta.object_class, tuple(field.steps))

    # --- what the user may read ---

    def readable(self, request: HttpRequest) -> Any:
        """Return the objects that the user may read: a queryset or a list; None if none
        are hidden. Raise Unauthorized if the user may not read at all.
        """
        return readable(self.resource, request)

    def is_readable(self, obj: Any, request: HttpRequest) -> bool:
        return is_readable(self.resource, obj, request)

    def readable_members(self, members: Any, request: HttpRequest) -> Any:
        try:
            found = self.readable(request)
        except Unauthorized:
            return []
        if found is None or members is None:
            return members
        members = members.all() if hasattr(members, "all") else members
        if is_marked(members):
            return list(members)  # loaded already
        if isinstance(members, QuerySet):
            return members.filter(pk__in=keys_of(found))
        return [obj for obj in members if self.is_readable(obj, request)]

    # --- relations by key ---

    def key_reader(self, model: Any, steps: list[str]) -> Callable[[Any], Any] | None:
        place = (model, *steps)
        if place not in self.known_readers:
            self.known_readers[place] = self.new_key_reader(model, steps)
        return self.known_readers[place]

    def new_key_reader(
        self, model: Any, steps: list[str]
    ) -> Callable[[Any], Any] | None:
        resource = self.resource
        if (
            len(steps) != 1
            or not resource.uris.are_plain
            or not hasattr(model, "_meta")
        ):
            return None
        field = relation(model, steps[0])
        if field is None or not field.concrete or field.many_to_many:
            return None
        wanted, target = resource.keys.name, field.target_field
        if wanted == target.name or (wanted == "pk" and target.primary_key):
            return lambda obj: getattr(obj, field.attname)
        return None

    def existing_key(
        self, field: RelatedField, reference: Any, request: HttpRequest
    ) -> Any:
        """Return the key of the object of a URI or a key, if the relation only needs
        its key; None if the object must be loaded. Raise NotFound if it is absent.
        """
        resource, owner = self.resource, field._resource
        if not (
            self.reads_plainly
            and resource.allows_all("read")
            and owner.relations.needs_key_alone(field)
        ):
            return None
        name = resource.keys.name
        if isinstance(reference, str) and "/" in reference:
            kwargs = resource.uris.kwargs_of(reference, request)
            if set(kwargs) != {name}:
                return None
            reference = kwargs[name]
        key = resource.keys.value(name, reference)
        if not (owner.relations.store_validates(field) or self.has_key(key, request)):
            raise NotFound(
                gettext("No object has the %(name)s %(key)r.")
                % {"name": name, "key": key}
            )
        return key

    @cached_property
    def reads_plainly(self) -> bool:
        """Whether the methods that find an object by its key are not overridden."""
        names = ("obj_get", "get_via_uri")
        return all(is_ours(getattr(type(self.resource), name)) for name in names)

    def has_key(self, key: Any, request: HttpRequest) -> bool:
        """Return whether there is an object with this key."""
        objects = self.resource.get_object_list(request)
        return objects.filter(**{self.resource.keys.name: key}).exists()

    def store_validates(self, field: RelatedField) -> bool:
        """Return whether the store rejects a key without an object at once, so that
        the key need not be looked up before.
        """
        connection = connections[self.resource.database]
        return (
            connection.features.supports_foreign_keys
            and not connection.in_atomic_block
            and self.has_constraint(field)
        )

    def has_constraint(self, field: RelatedField) -> bool:
        """Return whether the relation's foreign key constraint accepts exactly the
        objects of the related resource.
        """
        if field.instance_name not in self.known_constraints:
            resource = self.resource
            options = resource._meta.object_class._meta
            found, related = options.get_field(field.steps[0]), field.related
            query = related._meta.queryset.query
            self.known_constraints[field.instance_name] = (
                options.managed
                and found.db_constraint
                and found.related_model._meta.concrete_model
                is related._meta.object_class._meta.concrete_model
                and is_ours(type(related).get_object_list)
                and getattr(related, "database", None) == resource.database
                and not (query.where or query.is_sliced or query.combinator)
                and len(query.alias_map) < 2
            )
        return self.known_constraints[field.instance_name]

    def needs_key_alone(self, field: RelatedField) -> bool:
        if field.instance_name not in self.known_key_fields:
            resource = self.resource
            model = resource._meta.object_class
            others = [each for each in resource.fields.values() if each is not field]
            self.known_key_fields[field.instance_name] = (
                field.related.relations.key_reader(model, field.steps) is not None
                and is_ours(type(field))
                and not field.full
                and not resource.transactions.has_own_methods
                and not resource.cycles.has_dehydrate_hooks
                and all(isinstance(each.attribute, str | None) for each in others)
                and all(each.steps[:1] != field.steps for each in others)
            )
        return self.known_key_fields[field.instance_name]

    def errors_of_missing(self, bundle: Bundle) -> dict[str, list[str]]:
        """Return the errors, by field, of the bundle's relations whose keys have no
        objects.
        """
        found = {}
        for name, related in bundle.related.items():
            if not isinstance(related, Bundle) or related.key is None:
                continue
            field = self.field(name)
            relations = related_resource(field).relations
            if not relations.has_key(related.key, bundle.request):
                found[name] = [str(field.leads_nowhere(bundle.data.get(name)))]
        return found

    # --- related objects as data ---

    def bundle_from_data(
        self,
        data: dict[str, Any],
        request: HttpRequest,
        parent: Any,
        back_name: str | None,
    ) -> Bundle:
        """Return the bundle of a related object given as data: of the existing object
        with its URI, its key or a unique field, or of a new one.
        """
        resource, data = self.resource, dict(data)
        obj, identifying = self.existing(data, request)
        bundle = resource.build_bundle(data=data, request=request)
        bundle.related_obj, bundle.related_name = parent, back_name
        name = resource._meta.resource_name
        if obj is None:
            if not resource.can_create():
                raise ApiFieldError(
                    gettext("Creating a %(name)s is not allowed.") % {"name": name}
                )
            if identifying and (resource.keys.are_made or not set(data) - identifying):
                raise ApiFieldError(
                    gettext("This %(name)s does not exist.") % {"name": name}
                )
            bundle.is_new = True
            return resource.full_hydrate(bundle)
        bundle.obj, bundle.is_new = obj, False
        bundle.sent = set(data) - identifying
        bundle.shown = {key: data[key] for key in identifying if key in data}
        before = state(obj)
        bundle = resource.hydrate_m2m(resource.full_hydrate(bundle))
        bundle.before = before
        bundle.via_uri = not self.has_changes(bundle, before)
        if not bundle.via_uri:
            if not resource.can_update():
                raise ApiFieldError(
                    gettext("Changing a %(name)s is not allowed.") % {"name": name}
                )
            original = resource._meta.object_class._base_manager.using(
                resource.database
            )
            unchanged = Bundle(obj=original.get(pk=obj.pk), request=request)
            resource.authorized_update_detail(
                resource.get_object_list(request), unchanged
            )
        return bundle

    def existing(
        self, data: dict[str, Any], request: HttpRequest
    ) -> tuple[Any, set[str]]:
        """Return the existing object of the data, or None, and the names in the data
        that identify it.
        """
        resource = self.resource
        if isinstance(data.get("resource_uri"), str) and data["resource_uri"]:
            uri = data["resource_uri"]
            try:
                return resource.get_via_uri(uri, request), {"resource_uri"}
            except NotFound as error:
                raise ApiFieldError(str(error)) from error
        model = resource._meta.object_class
        lookups: list[tuple[str, str]] = []
        for name in data:
            field = resource.fields.get(name)
            steps = [] if field is None else field.steps
            if name == "pk" or steps in (["pk"], [model._meta.pk.name]):
                lookups.insert(0, (name, "pk"))
            elif len(steps) == 1 and resource.fields[name].unique:
                lookups.append((name, steps[0]))
        for name, lookup in lookups:
            if data[name] is None:
                continue
            try:
                bundle = resource.build_bundle(request=request)
                return resource.obj_get(bundle, **{lookup: data[name]}), {name}
            except MalformedKey as error:
                raise ApiFieldError(str(error)) from error
            except (NotFound, model.DoesNotExist):
                if lookup == "pk":
                    return None, {name}
        return None, set()

    def has_changes(self, bundle: Bundle, before: dict[str, Any]) -> bool:
        """Return whether the data changes the object or its relations."""
        if changed(bundle.obj, before):
            return True
        for name, related in bundle.related.items():
            stored_by = self.stored_by(self.field(name))
            if stored_by is not None:
                key = None if related is None else related.obj.pk
                stored = self.resource.members.stored(bundle.obj, stored_by)
                if key != (None if stored is None else stored.pk):
                    return True
            each = related if isinstance(related, list) else [related]
            if any(one is not None and not one.via_uri for one in each):
                return True
            if isinstance(related, list):
                field = self.field(name)
                keys = {one.pk for one in self.resource.members.shown(field, bundle)}
                if keys != {one.obj.pk for one in related}:
                    return True
        return False

    # --- many objects at once ---

    def objs_of_references(
        self, references: list[Any], request: HttpRequest
    ) -> dict[Any, Any]:
        resource, keys = self.resource, {}
        name = resource.keys.name
        for each in references:
            if isinstance(each, str) and "/" in each:
                try:
                    kwargs = resource.uris.kwargs_of(each, request)
                except BadRequest:
                    continue  # reported when it is looked up alone
                if set(kwargs) == {name}:
                    keys[each] = kwargs[name]
            else:
                keys[each] = each
        found = resource.reading.objs_of_keys(list(keys.values()), request, {})
        return {each: found[key] for each, key in keys.items() if key in found}

    def load(
        self,
        objects: list[Any],
        for_list: bool,
        names: set[str] | None,
        request: HttpRequest,
    ) -> list[Any]:
        if not objects:
            return objects
        wanted = self.prefetches(type(objects[0]), for_list, (), names, request)
        if wanted:
            prefetch_related_objects(objects, *wanted)
        return objects

    def prefetches(
        self,
        model: Any,
        for_list: bool,
        path: tuple[Any, ...],
        names: set[str] | None = None,
        request: HttpRequest | None = None,
    ) -> list[Any]:
        found: list[Any] = []
        for name, field in self.resource.fields.items():
            if field.write_only or (names is not None and name not in names):
                continue
            if field.use_in not in ("all", "list" if for_list else "detail"):
                if not callable(field.use_in):
                    continue
            if isinstance(field.attribute, str):
                found += prefetches_of(field, model, for_list, path, request)
        return found


def related_resource(field: RelatedField) -> "ModelResource":
    """Return the resource of a relation of a model."""
    return cast("ModelResource", field.related)


def prefetches_of(
    field: ApiField,
    model: Any,
    for_list: bool,
    path: tuple[Any, ...],
    request: HttpRequest | None,
) -> list[Any]:
    """Return the arguments of prefetch_related() for one field."""
    way, last, target = relations(model, field.steps)
    if not way:
        return list(field.steps) if is_generic(model, field) else []
    prefix = LOOKUP_SEP.join(way)
    if not isinstance(field, RelatedField) or target is None:
        return [prefix]
    full = field.full and field.place not in path
    if full:
        wanted = field.full_list if for_list else field.full_detail
        full = bool(wanted)
    related = field.related
    own: Any = prefix
    if field.is_m2m:
        queryset = members_of(field, target, request)
        columns = None if full else key_columns(related, last)
        if columns is not None:
            queryset = (
                target._default_manager.all() if queryset is None else queryset
            ).only(*columns)
        if queryset is not None:
            own = Prefetch(prefix, queryset=queryset)
    if full:
        inner = related.relations.prefetches(
            target, for_list, (*path, field.place), request=request
        )
        return [own, *(below(prefix, each) for each in inner)]
    if field.is_m2m:
        return [own]
    if related.relations.key_reader(model, field.steps) is not None:
        return []
    return [prefix]


def is_generic(model: Any, field: ApiField) -> bool:
    """Return whether a field shows a generic foreign key of the model."""
    if not isinstance(field, RelatedField) or len(field.steps) != 1:
        return False
    return hasattr(column(model, field.steps[0]), "ct_field")


def members_of(field: RelatedField, target: Any, request: HttpRequest | None) -> Any:
    """Return a queryset of the objects that a to-many relation may show the user; None
    if it may show all.
    """
    if request is None or not field.hides_from(request):
        return None
    objects = target._default_manager.all()
    try:
        found = related_resource(field).relations.readable(request)
    except Unauthorized:
        return marked(objects.none())
    return None if found is None else marked(objects.filter(pk__in=keys_of(found)))


def key_columns(resource: "Resource", last: Any) -> list[str] | None:
    """Return the columns that make a URI; None if a method may need others."""
    if not resource.uris.are_plain:
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
    """Return an argument of prefetch_related() with a prefix."""
    if isinstance(wanted, Prefetch):
        wanted.add_prefix(prefix)
        return wanted
    return f"{prefix}{LOOKUP_SEP}{wanted}"
