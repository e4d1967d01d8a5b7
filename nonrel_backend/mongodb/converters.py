"""ObjectId as text in URLs and JSON."""

from typing import Any

from bson import ObjectId
from django.core.serializers.json import DjangoJSONEncoder


class ObjectIdConverter:
    """Converts ObjectIds in URLs.

    django.urls.register_converter(ObjectIdConverter, "objectid")
    """

    regex = "[0-9a-fA-F]{24}"

    def to_python(self, value: str) -> ObjectId:
        return ObjectId(value)

    def to_url(self, value: ObjectId | str) -> str:
        return str(value)


class ObjectIdJSONEncoder(DjangoJSONEncoder):
    """Encodes ObjectIds as text: `JsonResponse(data, encoder=ObjectIdJSONEncoder)`."""

    def default(self, o: Any) -> Any:
        return str(o) if isinstance(o, ObjectId) else super().default(o)
