"""ModelResource: a resource over the objects of a Django model."""

from collections.abc import Callable
from typing import Any

from django.db import connections, models, router, transaction
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property

from ..bundle import Bundle
from ..fields.base import ApiField
from ..fields.models import field_class
from ..fields.plain import CharField
from ..modelfields import api_field
from ..resource.options import ModelDeclarativeMetaclass
from ..resource.parameters import allowed
from ..resource.resource import Resource
from ..resource.uris import key_in_uri
from .cycles import ModelCycles
from .filtering import Filtering
from .keys import Keys
from .lookups import one_of
from .members import Members
from .nested import Nested
from .readable import asking
from .relations import ModelRelations
from .saving import Saving
from .state import is_ours, state
from .transactions import ModelPreconditions, ModelTransactions
from .uploads import Uploads
from .views import ModelReading, ModelUris, ModelWriting


class ModelResource(Resource, metaclass=ModelDeclarativeMetaclass):
    """A resource over `Meta.queryset`.

    It has a field for each field of the model that is not a relation. The public
    methods are hooks, as those of Resource are.
    """

    authorizes_itself = True
    stores_files = True

    def has_default(self, name: str) -> bool:
        """Return whether a method of ModelResource is not overridden."""
        return getattr(type(self), name) is getattr(ModelResource, name)

    @property
    def database(self) -> str:
        """The alias of the database that is written to."""
        model = self._meta.object_class
        return self._meta.queryset._db or router.db_for_write(model)

    # --- the parts ---

    @cached_property
    def uris(self) -> ModelUris:
        return ModelUris(self)

    @cached_property
    def cycles(self) -> ModelCycles:
        return ModelCycles(self)

    @cached_property
    def reading(self) -> ModelReading:
        return ModelReading(self)

    @cached_property
    def writing(self) -> ModelWriting:
        return ModelWriting(self)

    @cached_property
    def transactions(self) -> ModelTransactions:
        return ModelTransactions(self)

    @cached_property
    def preconditions(self) -> ModelPreconditions:
        return ModelPreconditions(self)

    @cached_property
    def relations(self) -> ModelRelations:
        return ModelRelations(self)

    @cached_property
    def keys(self) -> Keys:
        """The values of the model's fields in URIs."""
        return Keys(self)

    @cached_property
    def filtering(self) -> Filtering:
        """The filters and orderings."""
        return Filtering(self)

    @cached_property
    def saving(self) -> Saving:
        """The writes to the database."""
        return Saving(self)

    @cached_property
    def members(self) -> Members:
        """The relations that other rows store."""
        return Members(self)

    @cached_property
    def nested(self) -> Nested:
        """The lists of relations at addresses below an object's."""
        return Nested(self)

    def dispatch_nested(
        self, request: HttpRequest, nested_name: str = "", **kwargs: Any
    ) -> HttpResponseBase:
        """Answer a request for the list of a relation of one object."""
        lookup = self.remove_api_resource_names(kwargs)
        return self.nested.dispatch(request, nested_name, lookup)

    @cached_property
    def uploads(self) -> Uploads:
        """The files that are uploaded."""
        return Uploads(self)

    def read_body(self, request: HttpRequest) -> Any:
        """Return the data of the request's body, which may be a form with files."""
        if self.uploads.are_sent(request):
            return self.uploads.read(request)
        return super().read_body(request)

    # --- fields ---

    @classmethod
    def should_skip_field(cls, field: Any) -> bool:
        """Return whether get_fields() leaves out a model field: relations, which are to
        be declared, and composite keys, whose columns are fields themselves.
        """
        if isinstance(field, models.CompositePrimaryKey):
            return True
        return bool(getattr(field, "remote_field", None))

    @classmethod
    def api_field_from_django_field(
        cls, field: Any, default: type[ApiField] = CharField
    ) -> type[ApiField]:
        """Return the class of the resource's field for a model field."""
        return field_class(field, default)

    @classmethod
    def get_fields(
        cls, fields: list[str] | None = None, excludes: list[str] | None = None
    ) -> dict[str, ApiField]:
        """Return a field for each model field in `fields` (all if None) that is not in
        `excludes`.
        """
        found: dict[str, ApiField] = {}
        for field in cls._meta.object_class._meta.fields:
            if (
                field.name in cls.base_fields
                or (fields is not None and field.name not in fields)
                or (excludes and field.name in excludes)
                or cls.should_skip_field(field)
            ):
                continue
            kind = cls.api_field_from_django_field(field)
            made = api_field(field, field.name, kind)
            if isinstance(field, models.AutoField) and not cls._meta.writable_keys:
                made.readonly = True
            made.contribute_to_class(cls, field.name)
            found[field.name] = made
        return found

    # --- keys ---

    def detail_uri_kwargs(self, bundle_or_obj: Any) -> dict[str, Any]:
        """Return the key of an object as its URI has it."""
        obj = bundle_or_obj.obj if isinstance(bundle_or_obj, Bundle) else bundle_or_obj
        return {self.keys.name: key_in_uri(self.keys.of(obj))}

    def lookup_kwargs_with_identifiers(
        self, bundle: Bundle, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of a URI as lookups, with values of the model's fields.

        Raise MalformedKey for a value that no object can have.
        """
        return {name: self.keys.value(name, value) for name, value in kwargs.items()}

    def create_identifier(self, obj: Any) -> tuple[type, Any]:
        """Return what identifies a saved object: its model and its key."""
        return type(obj), obj.pk

    # --- reading ---

    def get_object_list(self, request: HttpRequest) -> Any:
        """Return all objects."""
        return self._meta.queryset.all()

    def build_filters(
        self, filters: Any = None, ignore_bad_filters: bool = False
    ) -> dict[str, Any]:
        """Return the ORM's filters for parameters with the names of the resource's
        fields. Leave out those that are not allowed if `ignore_bad_filters` is set.
        """
        return self.filtering.build(
            allowed(self.filtering, filters, ignore_bad_filters)
        )

    def check_filtering(
        self,
        field_name: str,
        filter_type: str = "exact",
        filter_bits: list[str] | None = None,
    ) -> list[str]:
        """Return the attributes of a filter. Raise InvalidFilterError if it is not
        allowed. `filter_bits` are the names after the first.
        """
        return self.filtering.check(field_name, filter_type, list(filter_bits or []))

    def apply_filters(
        self, request: HttpRequest, applicable_filters: dict[str, Any]
    ) -> Any:
        """Return the filtered queryset, without duplicates."""
        return self.filtering.apply(request, applicable_filters)

    def apply_sorting(self, obj_list: Any, options: Any = None) -> Any:
        """Return the queryset in the order of `options["order_by"]`, or in its own. The
        primary key comes last.
        """
        return self.filtering.sorted(obj_list, options)

    def obj_get_list(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return the objects that match the filters of the request."""
        request = bundle.request
        # A copy, since a project's build_filters() may change it.
        given = getattr(request, "GET", None)
        filters = given.copy() if given else QueryDict(mutable=True)
        with asking(request):
            applicable = self.build_filters(filters=filters)
        objects = self.apply_filters(request, applicable)
        if kwargs:
            objects = objects.filter(
                **self.lookup_kwargs_with_identifiers(bundle, kwargs)
            )
        objects = self.apply_authorization_limits(request, objects)
        return self.authorized_read_list(objects, bundle)

    def obj_get(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return one object. Raise DoesNotExist if there is none, or MalformedKey."""
        lookup = self.lookup_kwargs_with_identifiers(bundle, kwargs)
        objects = self.get_object_list(bundle.request)
        if self.allows_all("read"):
            bundle.obj = one_of(objects, lookup)
            return bundle.obj
        objects = objects.filter(**lookup)
        objects = self.apply_authorization_limits(bundle.request, objects)
        bundle.obj = objects.get()
        self.authorized_read_detail(objects, bundle)
        return bundle.obj

    def cached_obj_get(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return obj_get() through the cache, unless each user may have another list of
        objects.
        """
        limits = getattr(self._meta.authorization, "apply_limits", None)
        if limits is not None or not is_ours(type(self).get_object_list):
            return self.obj_get(bundle=bundle, **kwargs)
        return super().cached_obj_get(bundle, **kwargs)

    def canonical_lookup(
        self, request: HttpRequest, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of a URI as values of the model: `02` is `2`."""
        bundle = self.build_bundle(request=request)
        return self.lookup_kwargs_with_identifiers(bundle, kwargs)

    def after_commit(self, work: Callable[[], Any]) -> None:
        """Do this now and, in a transaction, again when it is committed."""
        work()
        if connections[self.database].in_atomic_block:
            transaction.on_commit(work, using=self.database, robust=True)

    # --- writing ---

    def obj_create(self, bundle: Bundle, **kwargs: Any) -> Bundle:
        """Save a new object with the bundle's data."""
        bundle.obj = self._meta.object_class()
        bundle.is_new = True
        self.keys.set(bundle, kwargs)
        return self.save(self.full_hydrate(bundle))

    def obj_update(self, bundle: Bundle, **kwargs: Any) -> Bundle:
        """Save the bundle's data in an existing object."""
        if bundle.obj is None or bundle.obj.pk is None or bundle.obj._state.adding:
            bundle.obj = self.obj_get(bundle, **kwargs)
        bundle.is_new = False
        self.saving.authorize("update", bundle)
        before = self.transactions.state_before(bundle)
        bundle = self.full_hydrate(bundle)
        self.keys.set(bundle, kwargs)
        return self.save(bundle, before)

    def check_valid(self, bundle: Bundle) -> None:
        """Raise an error, which is answered by 400, if Meta.validation or the model's
        clean() rejects the data.
        """
        super().check_valid(bundle)
        bundle.obj.clean()

    def save(self, bundle: Bundle, before: dict[str, Any] | None = None) -> Bundle:
        """Save a hydrated bundle and its related objects.

        `before` is the state of an existing object; None for a new one.
        """
        return self.saving.save(bundle, before)

    def save_related(self, bundle: Bundle) -> None:
        """Save the to-one relations that were given as data, before the object."""
        self.saving.save_related(bundle)

    def save_m2m(self, bundle: Bundle) -> None:
        """Save the relations that other rows store, after the object."""
        self.members.save(bundle)

    def obj_delete(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete one object."""
        if bundle.obj is None or bundle.obj.pk is None or bundle.obj._state.adding:
            bundle.obj = self.obj_get(bundle, **kwargs)
        self.saving.authorize("delete", bundle)
        if bundle.expected is not None and self._meta.version_field:
            self.saving.claim(bundle, state(bundle.obj))
        bundle.obj.delete(using=self.database)

    def obj_delete_list(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete the objects that match the filters of the request."""
        self.saving.delete_all(self.obj_get_list(bundle, **kwargs), bundle)

    def obj_delete_list_for_update(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete what a PUT on the list replaces: all objects but `bundle.stored`."""
        objects = self.obj_get_list(bundle, **kwargs)
        stored = [obj.pk for obj in bundle.stored]
        if hasattr(objects, "exclude"):
            objects = objects.exclude(pk__in=stored)
        else:  # a list, made by an authorization
            objects = [obj for obj in objects if obj.pk not in stored]
        self.saving.delete_all(objects, bundle)

    def rollback(self, bundles: list[Bundle]) -> None:
        """Delete the objects that the bundles created."""
        self.saving.rollback(bundles)
