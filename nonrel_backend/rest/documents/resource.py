"""DocumentResource: a resource over a store of documents."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import ImmediateHttpResponse, MalformedKey, NotFound
from ..fields.base import step
from ..http import HttpConflict, HttpPreconditionFailed
from ..resource.cycles import Cycles
from ..resource.endpoint import parameters
from ..resource.parameters import allowed, reject_unknown
from ..resource.preconditions import CHANGED
from ..resource.resource import Resource
from ..resource.retries import retried
from ..resource.transactions import Transactions, Work
from ..resource.undo import Changes
from ..resource.writing import Writing
from .filtering import DocumentFiltering
from .stores.base import Condition, Document, DocumentStore, Ordering
from .stores.values import UNREADABLE


def unchanged(value: Any) -> Any:
    """Return the value."""
    return value


class DocumentObject:
    """A document, whose values are attributes. `pk` is its key."""

    document: dict[str, Any]
    pk: str | None
    decode: Callable[[Any], Any]

    def __init__(
        self,
        initial: dict[str, Any] | None = None,
        pk: str | None = None,
        decode: Callable[[Any], Any] = unchanged,
    ) -> None:
        self.__dict__["document"] = {} if initial is None else initial
        self.__dict__["pk"] = pk
        # Returns a stored value as one of Python's.
        self.__dict__["decode"] = decode

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.decode(self.document.get(name))

    def __setattr__(self, name: str, value: Any) -> None:
        self.document[name] = value

    def to_dict(self) -> dict[str, Any]:
        """Return the document."""
        return self.document


def decoder(store: DocumentStore) -> Callable[[Any], Any]:
    """Return the function that returns a stored value as one of Python's."""
    return getattr(store, "decode", unchanged)


class Documents:
    """The documents that meet the conditions, fetched when they are accessed."""

    def __init__(
        self,
        store: DocumentStore,
        conditions: list[Condition],
        ordering: list[Ordering],
    ) -> None:
        self.store, self.conditions, self.ordering = store, conditions, ordering

    def fetched(self, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        """Return the objects from `start` until before `stop`."""
        found = self.store.find(self.conditions, self.ordering, start, stop)
        decode = decoder(self.store)
        return (DocumentObject(document, key, decode) for key, document in found)

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


class DocumentCycles(Cycles):
    """The cycles of a DocumentResource."""

    resource: "DocumentResource"

    def set_value(self, bundle: Bundle, field: Any, value: Any) -> None:
        """Set the new value of a field in the document, as the store holds it. A value
        that is shown as it was stays as it is stored.
        """
        if callable(field.attribute):
            return
        resource = self.resource
        simple = resource._meta.serializer.to_simple
        *way, last = field.steps
        target = bundle.obj.document
        for name in way:
            target = step(target, name)
        if not isinstance(target, dict):
            return
        if last in target or not bundle.is_new:
            old = decoder(resource.store)(target.get(last))
            try:
                shown = None if old is None else field.convert(old)
                if simple(shown) == simple(shown_value(field, value)):
                    return
            except UNREADABLE:
                pass  # the stored value is none of this field
        target[last] = getattr(resource.store, "encode", simple)(value)


def shown_value(field: Any, value: Any) -> Any:
    """Return a new value of a field as data."""
    return None if value is None else field.convert(value)


class DocumentTransactions(Transactions):
    """The transactions of a DocumentResource."""

    resource: "DocumentResource"

    def all_or_nothing(
        self, work: Work, request: HttpRequest, data: dict[str, Any] | None = None
    ) -> Any:
        """Return work(changes), in a transaction of the store if it has them. Retry
        conflicting writes.
        """
        store = self.resource.store
        if store.transaction() is None:
            return super().all_or_nothing(work, request, data)

        def run() -> Any:
            with self.resource.store.transaction():
                return work(Changes(self.resource, records=False))

        return retried(run)

    def remember(
        self, request: HttpRequest, changes: Changes, lookup: dict[str, Any]
    ) -> None:
        """Do nothing: obj_update() logs what it changes."""

    def restore(self, image: DocumentObject) -> None:
        store, key = self.resource.store, image.pk
        if key is None:
            return
        if not store.replace(key, image.to_dict(), None):
            store.insert(key, image.to_dict())


class DocumentWriting(Writing):
    """The answers of a DocumentResource to the methods that write."""

    def update_in_place(
        self, request: HttpRequest, bundle: Bundle, new_data: dict[str, Any]
    ) -> Bundle:
        resource = self.resource
        shown = resource.full_dehydrate(Bundle(obj=bundle.obj, request=request)).data
        bundle.shown, bundle.data = shown, resource.cycles.merged(shown, new_data)
        bundle.sent = {name.partition(".")[0] for name in new_data}
        lookup = resource.detail_uri_kwargs(bundle.obj)
        return resource.obj_update(bundle=bundle, **lookup)

    def check_parameters(self, request: HttpRequest) -> None:
        super().check_parameters(request)
        reject_unknown(request.GET, self.resource)


class DocumentResource(Resource):
    """A resource over `Meta.store`, a DocumentStore. A subclass declares the fields."""

    authorizes_itself = True

    class Meta:
        object_class = DocumentObject

    @property
    def store(self) -> Any:
        """The store of `Meta`."""
        store = getattr(self._meta, "store", None)
        if store is None:
            raise NotImplementedError(f"{type(self).__name__}.Meta has no store.")
        return store() if isinstance(store, type) else store

    # --- the parts ---

    @cached_property
    def cycles(self) -> DocumentCycles:
        return DocumentCycles(self)

    @cached_property
    def transactions(self) -> DocumentTransactions:
        return DocumentTransactions(self)

    @cached_property
    def writing(self) -> DocumentWriting:
        return DocumentWriting(self)

    @cached_property
    def filtering(self) -> DocumentFiltering:
        """The filters and orderings."""
        return DocumentFiltering(self)

    # --- keys ---

    def build_bundle(self, obj: Any = None, *arguments: Any, **options: Any) -> Bundle:
        """Return a bundle. Without an object it is of a new, empty one."""
        if obj is None and self._meta.object_class is None:
            obj = DocumentObject()
        return super().build_bundle(obj, *arguments, **options)

    def detail_uri_kwargs(self, bundle_or_obj: Any) -> dict[str, Any]:
        """Return the key of a document as its URI has it."""
        obj = bundle_or_obj.obj if isinstance(bundle_or_obj, Bundle) else bundle_or_obj
        return {self._meta.detail_uri_name: obj.pk}

    def key_of(self, kwargs: dict[str, Any]) -> str:
        """Return the key in the arguments of a URI. Raise MalformedKey if no document
        can have it.
        """
        key = kwargs.get(self._meta.detail_uri_name)
        if not isinstance(key, str | int) or "\x00" in str(key):
            raise MalformedKey(gettext("No document can have this key."))
        return str(key)

    def get_bundle_detail_data(self, bundle: Any) -> Any:
        """Return the key of a bundle's document."""
        return bundle.obj.pk if isinstance(bundle, Bundle) else bundle.pk

    # --- reading ---

    def get_object_list(self, request: HttpRequest) -> Any:
        """Return all documents."""
        return Documents(self.store, [], [])

    def build_filters(
        self, filters: Any = None, ignore_bad_filters: bool = False
    ) -> list[Condition]:
        """Return the store's conditions for the parameters. Leave out those that are
        not allowed if `ignore_bad_filters` is set.
        """
        return self.filtering.build(
            allowed(self.filtering, filters, ignore_bad_filters)
        )

    def apply_filters(self, request: HttpRequest, applicable_filters: Any) -> Any:
        """Return the documents that meet the conditions, in the requested order."""
        ordering = self.filtering.order(parameters(request))
        return Documents(self.store, applicable_filters, ordering)

    def obj_get_list(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return the documents that match the filters of the request."""
        request = bundle.request
        filters = parameters(request).copy()
        objects = self.apply_filters(request, self.build_filters(filters))
        objects = self.apply_authorization_limits(request, objects)
        return self.authorized_read_list(objects, bundle)

    def stored(self, key: str) -> Document:
        """Return the document with this key. Raise NotFound if there is none."""
        document = self.store.get(key)
        if document is None:
            raise NotFound(gettext("There is no document %(key)r.") % {"key": key})
        return document

    def object_of(self, document: Document, key: str | None) -> DocumentObject:
        """Return the object of a document."""
        return DocumentObject(document, key, decoder(self.store))

    def obj_get(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return one document. Raise NotFound if there is none."""
        key = self.key_of(kwargs)
        bundle.obj = self.object_of(self.stored(key), key)
        self.authorized_read_detail([bundle.obj], bundle)
        return bundle.obj

    # --- writing ---

    def hydrated(self, bundle: Bundle) -> Document:
        """Return the document of a bundle, validated."""
        bundle = self.full_hydrate(bundle)
        self.check_valid(bundle)
        return bundle.obj.to_dict()

    def obj_create(self, bundle: Bundle, **kwargs: Any) -> Bundle:
        """Store a new document. Respond with 409 if its key is taken."""
        key = self.key_of(kwargs) if kwargs else None
        bundle.obj, bundle.is_new = self.object_of({}, key), True
        document = self.hydrated(bundle)
        self.authorized_create_detail([], bundle)
        stored = self.store.insert(key, document)
        if stored is None:
            text = gettext("A %(resource)s with this key exists already.") % {
                "resource": self._meta.resource_name
            }
            raise ImmediateHttpResponse(
                self.error_response(bundle.request, {"error": text}, HttpConflict)
            )
        bundle.obj = self.object_of(document, stored)
        return bundle

    def obj_update(self, bundle: Bundle, **kwargs: Any) -> Bundle:
        """Store the bundle's data in an existing document, by compare and set."""
        key = self.key_of(kwargs)
        before = self.stored(key)
        bundle.obj, bundle.is_new = self.object_of(deepcopy(before), key), False
        self.authorized_update_detail([bundle.obj], bundle)
        document = self.hydrated(bundle)
        self.authorized_update_detail([bundle.obj], bundle)
        expected = before if bundle.expected is None else bundle.expected.to_dict()
        if not self.store.replace(key, document, expected):
            self.handle_conflict(bundle)
        if bundle.changes is not None:
            bundle.changes.remember(self.object_of(before, key))
        return bundle

    def handle_conflict(self, bundle: Bundle) -> NoReturn:
        """Respond with 412 if the client sent If-Match, else with 409."""
        kind = HttpConflict if bundle.expected is None else HttpPreconditionFailed
        self.reject(bundle.request, kind, CHANGED)

    def obj_delete(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete one document. Raise NotFound if there is none."""
        bundle.obj = self.obj_get(bundle, **kwargs)
        self.authorized_delete_detail([bundle.obj], bundle)
        expected = None if bundle.expected is None else bundle.expected.to_dict()
        if not self.store.delete(self.key_of(kwargs), expected):
            self.handle_conflict(bundle)

    def obj_delete_list(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete the documents that match the filters of the request."""
        objects = self.authorized_delete_list(self.obj_get_list(bundle), bundle)
        for obj in list(objects):
            if bundle.changes is not None:
                bundle.changes.remember(obj)
            self.store.delete(obj.pk)

    def rollback(self, bundles: list[Bundle]) -> None:
        """Delete the documents that the bundles created."""
        for bundle in bundles:
            if bundle.obj is not None and bundle.obj.pk is not None:
                self.store.delete(bundle.obj.pk)
