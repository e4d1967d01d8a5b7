"""DocumentResource: the nine methods, written once, over any store of documents."""

from collections.abc import Iterator
from typing import Any

from ..bundle import Bundle
from ..exceptions import ImmediateHttpResponse, MalformedKey, NotFound
from ..http import HttpConflict, HttpPreconditionFailed
from ..resource.endpoint import parameters
from ..resource.resource import Resource
from ..resource.retries import retried
from ..resource.undo import Changes
from .filtering import DocumentFiltering
from .stores.base import DocumentStore


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


class Documents:
    """The documents that meet the conditions, fetched when they are looked at."""

    def __init__(self, store: DocumentStore, conditions: list, ordering: list):
        self.store, self.conditions, self.ordering = store, conditions, ordering

    def fetched(self, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        found = self.store.find(self.conditions, self.ordering, start, stop)
        return (DocumentObject(document, key) for key, document in found)

    def __iter__(self) -> Iterator[Any]:
        return self.fetched()

    def __len__(self) -> int:
        return self.store.count(self.conditions)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return list(self.fetched(place.start or 0, place.stop))
        return list(self)[place]

    def __reduce__(self) -> Any:
        return list, (list(self),)


class DocumentResource(DocumentFiltering, Resource):
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
        return Documents(self.store, [], [])

    def obj_get_list(self, bundle, **kwargs):
        request = bundle.request
        objects = self.apply_filters(request, self.build_filters(parameters(request)))
        objects = self.apply_authorization_limits(request, objects)
        return self.authorized_read_list(objects, bundle)

    def apply_filters(self, request, applicable_filters):
        """The documents that meet the conditions, in the order that is asked for."""
        return Documents(
            self.store, applicable_filters, self.order(parameters(request))
        )

    def obj_get(self, bundle, **kwargs):
        key = self.key_of(kwargs)
        document = self.store.get(key)
        if document is None:
            raise NotFound(f"There is no document {key!r}.")
        bundle.obj = DocumentObject(document, key)
        self.authorized_read_detail([bundle.obj], bundle)
        return bundle.obj

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
        for obj in list(objects):
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
