"""DocumentResource: the nine methods, written once, over any store of documents."""

from typing import Any

from .bundle import Bundle
from .constants import ALL, ALL_WITH_RELATIONS
from .dispatch import parameters
from .exceptions import (
    ApiFieldError,
    ImmediateHttpResponse,
    InvalidFilterError,
    InvalidSortError,
    MalformedKey,
    NotFound,
)
from .fields import BOOLEANS
from .filtering import (
    MAX_VALUES,
    RESERVED,
    names_to_order_by,
    refuse_unknown,
    steps_of,
)
from .http import HttpConflict, HttpPreconditionFailed
from .nested import NestedField
from .resource import Resource
from .retries import retried
from .stores import LOOKUPS, DocumentStore
from .undo import Changes


class DocumentObject:
    """A document, its values read and written as attributes; `pk` is its key."""

    def __init__(self, initial: dict[str, Any] | None = None, pk: str | None = None):
        self.__dict__["document"] = {} if initial is None else initial
        self.__dict__["pk"] = pk

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.document.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.document[name] = value

    def to_dict(self) -> dict[str, Any]:
        return self.document


class DocumentResource(Resource):
    """Fields and `Meta` are yours; `Meta.store` is a DocumentStore."""

    authorizes_itself = True

    class Meta:
        object_class = DocumentObject

    @property
    def store(self) -> DocumentStore:
        store = getattr(self._meta, "store", None)
        if store is None:
            raise NotImplementedError(f"{type(self).__name__}.Meta has no store.")
        return store() if isinstance(store, type) else store

    def build_bundle(self, obj=None, **options):
        if obj is None and self._meta.object_class is None:
            obj = DocumentObject()
        return super().build_bundle(obj, **options)

    # --- keys ---

    def detail_uri_kwargs(self, bundle_or_obj):
        obj = bundle_or_obj.obj if isinstance(bundle_or_obj, Bundle) else bundle_or_obj
        return {self._meta.detail_uri_name: obj.pk}

    def key_of(self, kwargs: dict[str, Any]) -> str:
        key = kwargs.get(self._meta.detail_uri_name)
        if not isinstance(key, str | int) or "\x00" in str(key):
            raise MalformedKey("There is no such key.")
        return str(key)

    def get_bundle_detail_data(self, bundle):
        return bundle.obj.pk if isinstance(bundle, Bundle) else bundle.pk

    # --- reading ---

    def get_object_list(self, request):
        return [DocumentObject(found, key) for key, found in self.store.find([], [])]

    def obj_get_list(self, bundle, **kwargs):
        given = parameters(bundle.request)
        found = self.store.find(self.build_filters(given), self.order(given))
        objects = [DocumentObject(document, key) for key, document in found]
        objects = self.apply_authorization_limits(bundle.request, objects)
        return self.authorized_read_list(objects, bundle)

    def obj_get(self, bundle, **kwargs):
        key = self.key_of(kwargs)
        document = self.store.get(key)
        if document is None:
            raise NotFound(f"There is no document {key!r}.")
        bundle.obj = DocumentObject(document, key)
        self.authorized_read_detail([bundle.obj], bundle)
        return bundle.obj

    # --- filters ---

    def build_filters(self, filters=None):
        """Conditions for the store: (path, lookup, value)."""
        found: Any = []
        for name in filters or {}:
            first, *rest = steps_of(name)
            if first not in self.fields or name in RESERVED - set(self.fields):
                continue
            lookup = rest.pop() if rest and rest[-1] in LOOKUPS else "exact"
            field = self.fields[first]
            self.check_filtering(first, lookup, rest)
            path = ".".join([*field.steps, *rest])
            found.append((path, lookup, self.value(field, rest, lookup, filters, name)))
        return found

    def check_filtering(self, name: str, lookup: str, path: list[str]) -> None:
        whole = ".".join([name, *path])
        allowed = self._meta.filtering.get(whole, self._meta.filtering.get(name))
        field = self.fields[name]
        if allowed is None or not isinstance(field.attribute, str):
            raise InvalidFilterError(f"The '{name}' field does not allow filtering.")
        if path and not isinstance(field, NestedField):
            raise InvalidFilterError(f"The '{name}' field has no parts.")
        if allowed not in (ALL, ALL_WITH_RELATIONS) and lookup not in allowed:
            raise InvalidFilterError(
                f"'{lookup}' is not an allowed filter on the '{name}' field."
            )

    def value(
        self, field: Any, path: list[str], lookup: str, filters, name: str
    ) -> Any:
        """A parameter's value, as the documents have it."""
        for part in path:
            field = field.part(part) if isinstance(field, NestedField) else None
        text = filters[name]
        if lookup == "isnull":
            if text.lower() not in BOOLEANS:
                raise InvalidFilterError(f"{name} must be true or false.")
            return BOOLEANS[text.lower()]
        if lookup == "in":
            values = text.split(",")
            if len(values) > MAX_VALUES:
                raise InvalidFilterError(f"{name} has {len(values)} values.")
            return [self.cleaned(field, each, name) for each in values]
        if lookup in ("contains", "startswith", "endswith", "iexact"):
            return text
        return self.cleaned(field, text, name)

    def cleaned(self, field: Any, text: str, name: str) -> Any:
        if field is None or isinstance(field, NestedField):
            return text
        try:
            return self._meta.serializer.to_simple(field.clean(text))
        except ApiFieldError as error:
            raise InvalidFilterError(f"{name}: {error}") from error

    def order(self, given: Any) -> list[tuple[str, bool]]:
        found = []
        for name in names_to_order_by(given, self._meta.max_ordering):
            first, *others = steps_of(name.removeprefix("-"))
            rest = ".".join(others)
            path = ".".join([first, *others])
            if path not in self._meta.ordering and first not in self._meta.ordering:
                raise InvalidSortError(f"The '{first}' field does not allow ordering.")
            if first not in self.fields or not self.fields[first].steps:
                raise InvalidSortError(f"There is no field {first!r} for ordering on.")
            steps = ".".join([*self.fields[first].steps, *filter(None, [rest])])
            found.append((steps, not name.startswith("-")))
        return found

    def check_list_parameters(self, request):
        refuse_unknown(request.GET, self.fields)

    # --- writing ---

    def set_value(self, bundle, field, value):
        simple = self._meta.serializer.to_simple(value)
        super().set_value(bundle, field, simple)

    def hydrated(self, bundle: Bundle) -> dict[str, Any]:
        """The document of a bundle, valid."""
        bundle = self.full_hydrate(bundle)
        self.check_valid(bundle)
        return bundle.obj.to_dict()

    def obj_create(self, bundle, **kwargs):
        key = self.key_of(kwargs) if kwargs else None
        bundle.obj, bundle.is_new = DocumentObject(pk=key), True
        document = self.hydrated(bundle)
        self.authorized_create_detail([], bundle)
        stored = self.store.insert(key, document)
        if stored is None:
            text = f"There is a {self._meta.resource_name} by that key."
            raise ImmediateHttpResponse(
                self.error_response(bundle.request, {"error": text}, HttpConflict)
            )
        bundle.obj = DocumentObject(document, stored)
        return bundle

    def obj_update(self, bundle, **kwargs):
        key = self.key_of(kwargs)
        before = self.store.get(key)
        if before is None:
            raise NotFound(f"There is no document {key!r}.")
        bundle.obj, bundle.is_new = DocumentObject(dict(before), key), False
        self.authorized_update_detail([bundle.obj], bundle)
        document = self.hydrated(bundle)
        self.authorized_update_detail([bundle.obj], bundle)
        expected = before if bundle.expected is None else bundle.expected.to_dict()
        if not self.store.replace(key, document, expected):
            self.conflict(bundle)
        if bundle.changes is not None:
            bundle.changes.remember(DocumentObject(before, key))
        return bundle

    def remember(self, request, changes, **lookup):
        """Nothing: what is changed is kept when it is."""

    def conflict(self, bundle: Bundle) -> None:
        """Somebody else was faster: 412 for who has said what was seen."""
        kind = HttpConflict if bundle.expected is None else HttpPreconditionFailed
        text = "The object was changed meanwhile: read it again."
        self.refuse(bundle.request, kind, text)

    def update_in_place(self, request, original_bundle, new_data):
        bundle = original_bundle
        shown = self.full_dehydrate(Bundle(obj=bundle.obj, request=request)).data
        bundle.shown, bundle.data = shown, self.merged(shown, new_data)
        bundle.sent = {name.partition(".")[0] for name in new_data}
        return self.obj_update(bundle=bundle, **self.detail_uri_kwargs(bundle.obj))

    def obj_delete(self, bundle, **kwargs):
        bundle.obj = self.obj_get(bundle, **kwargs)
        self.authorized_delete_detail([bundle.obj], bundle)
        expected = None if bundle.expected is None else bundle.expected.to_dict()
        if not self.store.delete(self.key_of(kwargs), expected):
            self.conflict(bundle)

    def obj_delete_list(self, bundle, **kwargs):
        objects = self.authorized_delete_list(self.obj_get_list(bundle), bundle)
        for obj in objects:
            if bundle.changes is not None:
                bundle.changes.remember(obj)
            self.store.delete(obj.pk)

    def rollback(self, bundles):
        for bundle in bundles:
            if bundle.obj is not None and bundle.obj.pk is not None:
                self.store.delete(bundle.obj.pk)

    def restore(self, obj):
        if not self.store.replace(obj.pk, obj.to_dict(), None):
            self.store.insert(obj.pk, obj.to_dict())

    def all_or_nothing(self, work, request, data=None):
        if self.store.transaction() is None:
            return super().all_or_nothing(work, request, data)

        def run():
            with self.store.transaction():
                return work(Changes(self, keeps=False))

        return retried(run)
