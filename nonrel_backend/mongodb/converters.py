"""ObjectId as text: in URLs and in JSON."""

from bson import ObjectId
from django.core.serializers.json import DjangoJSONEncoder


class ObjectIdConverter:
    """For `django.urls.register_converter(ObjectIdConverter, "objectid")`."""

    regex = "[0-9a-fA-F]{24}"

    def to_python(self, value: str) -> ObjectId:
        return ObjectId(value)

    def to_url(self, value: ObjectId | str) -> str:
        return str(value)


class ObjectIdJSONEncoder(DjangoJSONEncoder):
    """For `JsonResponse(data, encoder=ObjectIdJSONEncoder)` and the like."""

    def default(self, o):
        return str(o) if isinstance(o, ObjectId) else super().default(o)
