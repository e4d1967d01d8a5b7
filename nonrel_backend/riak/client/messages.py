"""Riak's protocol messages: classes made from messages.proto, and their codes."""

import re
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"(optional|repeated) (\w+) (\w+) = (\d+);")
# Messages without fields are not in messages.proto: their payload is empty.
CODES = {
    "RpbErrorResp": 0,
    "RpbPingReq": 1,
    "RpbPingResp": 2,
    "RpbGetClientIdReq": 3,
    "RpbGetClientIdResp": 4,
    "RpbSetClientIdReq": 5,
    "RpbSetClientIdResp": 6,
    "RpbGetServerInfoReq": 7,
    "RpbGetServerInfoResp": 8,
    "RpbGetReq": 9,
    "RpbGetResp": 10,
    "RpbPutReq": 11,
    "RpbPutResp": 12,
    "RpbDelReq": 13,
    "RpbDelResp": 14,
    "RpbListBucketsReq": 15,
    "RpbListBucketsResp": 16,
    "RpbListKeysReq": 17,
    "RpbListKeysResp": 18,
    "RpbGetBucketReq": 19,
    "RpbGetBucketResp": 20,
    "RpbSetBucketReq": 21,
    "RpbSetBucketResp": 22,
    "RpbMapRedReq": 23,
    "RpbMapRedResp": 24,
    "RpbIndexReq": 25,
    "RpbIndexResp": 26,
    "RpbResetBucketReq": 29,
    "RpbResetBucketResp": 30,
    "RpbGetBucketTypeReq": 31,
    "RpbSetBucketTypeReq": 32,
    "RpbGetBucketKeyPreflistReq": 33,
    "RpbGetBucketKeyPreflistResp": 34,
    "RpbCSBucketReq": 40,
    "RpbCSBucketResp": 41,
    "RpbIndexBodyResp": 42,
    "RpbCounterUpdateReq": 50,
    "RpbCounterUpdateResp": 51,
    "RpbCounterGetReq": 52,
    "RpbCounterGetResp": 53,
    "DtFetchReq": 80,
    "DtFetchResp": 81,
    "DtUpdateReq": 82,
    "DtUpdateResp": 83,
    "RpbAuthReq": 253,
    "RpbAuthResp": 254,
    # The request and its reply have one code.
    "RpbStartTls": 255,
}


def described(text: str) -> descriptor_pb2.FileDescriptorProto:
    """Return the descriptor of a .proto whose fields are all optional or repeated."""
    file = descriptor_pb2.FileDescriptorProto(
        name="nonrel_backend/riak.proto", package="nonrel_backend.riak"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, body in MESSAGE.findall(text):
        message = file.message_type.add(name=name)
        for label, kind, field, number in FIELD.findall(body):
            added = message.field.add(name=field, number=int(number))
            added.label = kinds.Label.Value(f"LABEL_{label.upper()}")
            if f"TYPE_{kind.upper()}" in kinds.Type.keys():
                added.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
            else:
                added.type = kinds.Type.Value("TYPE_MESSAGE")
                added.type_name = f".nonrel_backend.riak.{kind}"
    for name in CODES:
        if not any(message.name == name for message in file.message_type):
            file.message_type.add(name=name)
    return file


def classes() -> dict[str, Any]:
    file = described((Path(__file__).parent / "messages.proto").read_text())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{file.package}.{message.name}")
        )
        for message in file.message_type
    }


CLASSES = classes()
BY_CODE = {code: CLASSES[name] for name, code in CODES.items()}
# The code of the reply to each request.
ANSWERS = {code: code + 1 for code in BY_CODE} | {
    CODES["RpbGetBucketTypeReq"]: CODES["RpbGetBucketResp"],
    CODES["RpbSetBucketTypeReq"]: CODES["RpbSetBucketResp"],
    CODES["RpbStartTls"]: CODES["RpbStartTls"],
}
CODE_OF = {BY_CODE[code]: code for code in CODES.values()}
globals().update(CLASSES)


def __getattr__(name: str) -> Any:
    """Raise AttributeError. It tells type checkers that there are attributes."""
    raise AttributeError(name)
