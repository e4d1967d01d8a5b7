"""BSON that no model knows, as text that keeps all of it, and as JSON."""

import base64
import json
from typing import Any

import bson
from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.json_util import JSONMode, JSONOptions

from ..documents.sources import Form

# Any document is read, and written again as it was.
EXACT: CodecOptions = CodecOptions(
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
WRITTEN: CodecOptions = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
JSON_OPTIONS = JSONOptions(
    json_mode=JSONMode.RELAXED,
    tz_aware=False,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


class BsonForm(Form):
    """Values as pymongo returns them; MongoDB's Extended JSON is their JSON."""

    @staticmethod
    def pack(document: dict[str, Any]) -> str:
        packed = bson.encode(document, codec_options=WRITTEN)
        return base64.b64encode(packed).decode("ascii")

    @staticmethod
    def unpack(text: str) -> dict[str, Any]:
        return bson.decode(base64.b64decode(text), codec_options=EXACT)

    @staticmethod
    def to_json(value: Any) -> Any:
        return json.loads(json_util.dumps(value, json_options=JSON_OPTIONS))

    @staticmethod
    def from_json(value: Any) -> Any:
        """Return the BSON of a JSON value, Extended JSON or not."""
        try:
            return json_util.loads(json.dumps(value), json_options=JSON_OPTIONS)
        except (BSONError, TypeError, ValueError, KeyError):
            return value
