"""ObjectId as text in URLs, in JSON and in sessions."""

import json
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


class SessionSerializer:
    """Stores ObjectIds in sessions, beside what JSON holds.

    SESSION_SERIALIZER = "nonrel_backend.mongodb.converters.SessionSerializer"
    """

    def dumps(self, obj: Any) -> bytes:
        text = json.dumps(obj, separators=(",", ":"), default=self.to_json)
        return text.encode("latin-1")

    def loads(self, data: bytes) -> Any:
        return json.loads(data.decode("latin-1"), object_hook=self.from_json)

    @staticmethod
    def to_json(value: Any) -> dict[str, str]:
        if not isinstance(value, ObjectId):
            raise TypeError(
                f"{value!r} is a {type(value).__name__}, which a session cannot store. "
                "Store its text."
            )
        return {"$oid": str(value)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Any:
        return ObjectId(value["$oid"]) if value.keys() == {"$oid"} else value
