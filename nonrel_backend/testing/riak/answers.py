"""The stand-in's answer to each request of Riak's protocol buffers."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

from . import datatypes
from .objects import Objects, bad_indexes, made_name
from .properties import NeverAnswered, Properties, message
from .queries import fold, index_query

LARGEST_KEY = 65_536
LARGEST_OBJECT = 50 * 2**20
# The name of the stand-in's node.
STAND_IN = "stand-in@127.0.0.1"
NO_TYPE = "No bucket-type named '{}'"
Replies = Iterator[Any]


class Answers:
    """A method for each message that has a code, named as the message's class.

    A method yields the replies to a request, or raises Refused.
    """

    def __init__(self, node: str = STAND_IN, tombstone_seconds: float = 3.0) -> None:
        self.node = node
        self.lock = threading.RLock()
        # The longest time in seconds that a conditional put takes from the check of its
        # condition to its write, and from its write to its answer. Other requests are
        # answered in between.
        self.pause = 0.0
        self.objects = Objects(node, tombstone_seconds)
        self.properties = Properties()
        # The values of counters, sets and maps.
        self.data: dict[tuple[bytes, bytes, bytes], Any] = {}
        self.client_id = b""

    def __call__(self, request: Any) -> list[Any]:
        """Return the replies to a request. Raise Refused for an RpbErrorResp."""
        answer = getattr(self, type(request).__name__, None)
        if answer is None:
            raise Refused("Error processing incoming message: error:function_clause:")
        with self.lock:
            return list(answer(request))

    def RpbPingReq(self, request: Any) -> Replies:
        yield messages.RpbPingResp()

    def RpbGetServerInfoReq(self, request: Any) -> Replies:
        yield messages.RpbGetServerInfoResp(
            node=self.node.encode(), server_version=b"3.2.3"
        )

    def RpbSetClientIdReq(self, request: Any) -> Replies:
        self.client_id = request.client_id
        yield messages.RpbSetClientIdResp()

    def RpbGetClientIdReq(self, request: Any) -> Replies:
        yield messages.RpbGetClientIdResp(client_id=self.client_id)

    # --- objects ---

    def RpbGetReq(self, request: Any) -> Replies:
        props = self.properties.for_object(request)
        stored = self.found(request)
        if stored is None:
            yield messages.RpbGetResp()
        elif stored.deleted:
            known = request.deletedvclock and not props.get("consistent")
            yield messages.RpbGetResp(vclock=stored.vclock if known else None)
        elif request.if_modified and request.if_modified == stored.vclock:
            yield messages.RpbGetResp(unchanged=True)
        else:
            yield stored.reply(messages.RpbGetResp, request.head)

    def found(self, request: Any) -> Any:
        """Return the stored object that a request names, or None."""
        bucket = self.objects.bucket(request.type, request.bucket)
        return bucket.objects.get(request.key)

    def RpbPutReq(self, request: Any) -> Replies:
        props = self.properties.for_object(request)
        content = request.content
        if len(request.key) > LARGEST_KEY:
            raise Refused("key_too_large")
        if len(content.value) > LARGEST_OBJECT:
            raise Refused(f"{{too_large,{len(content.value)}}}")
        refused = bad_indexes(content)
        if refused:
            raise Refused(refused)
        self.check(request, props)
        conditional = request.if_none_match or request.if_not_modified
        if conditional and not props.get("consistent"):
            self.let_others_in()
        if not request.HasField("key"):
            request.key = made_name(27)
            made = request.key
        else:
            made = None
        bucket = self.objects.bucket(request.type, request.bucket)
        if props.get("consistent"):
            content = messages.RpbContent()
            content.CopyFrom(request.content)
            del content.indexes[:]
        if props.get("datatype"):
            # A put to a bucket of data types makes an empty one, whatever its value.
            new = datatypes.NEW[datatypes.datatype(props)]()
            self.data.setdefault(place(request), new)
        siblings = props["allow_mult"] and not props.get("consistent")
        vclock = request.vclock
        stored = self.objects.write(bucket, request.key, content, vclock, siblings)
        if conditional and props["n_val"] > 1:
            self.let_others_in()
        if request.return_body or request.return_head:
            reply = stored.reply(messages.RpbPutResp, not request.return_body)
        else:
            reply = messages.RpbPutResp()
        if made is not None:
            reply.key = made
        yield reply

    def let_others_in(self) -> None:
        """Release the lock for a random part of `pause`."""
        if self.pause:
            self.lock.release()
            time.sleep(random.random() * self.pause)
            self.lock.acquire()

    def check(self, request: Any, props: dict[str, Any]) -> None:
        """Raise Refused if the conditions of a put or delete are not met."""
        stored = self.found(request)
        there = stored is not None and not stored.deleted
        if props.get("consistent"):
            creates = isinstance(request, messages.RpbPutReq)
            if there and not request.vclock and creates:
                raise Refused("failed")
            if request.vclock and (not there or request.vclock != stored.vclock):
                raise Refused("failed")
        if not isinstance(request, messages.RpbPutReq):
            return
        if request.if_none_match and there:
            raise Refused("match_found")
        if request.if_not_modified:
            if not request.vclock or (there and request.vclock != stored.vclock):
                raise Refused("modified")
            if not there:
                raise Refused("notfound")

    def RpbDelReq(self, request: Any) -> Replies:
        props = self.properties.for_object(request)
        self.check(request, props)
        stored = self.found(request)
        if stored is not None and not stored.deleted:
            bucket = self.objects.bucket(request.type, request.bucket)
            self.objects.write(
                bucket,
                request.key,
                messages.RpbContent(value=b"", deleted=True),
                request.vclock or stored.vclock,
                props["allow_mult"] and not props.get("consistent"),
            )
            self.data.pop(place(request), None)
        yield messages.RpbDelResp()

    # --- many objects ---

    def RpbIndexReq(self, request: Any) -> Replies:
        if request.type and request.type not in self.properties.types:
            raise NeverAnswered
        bucket = self.objects.bucket(request.type, request.bucket)
        yield from index_query(bucket, request)

    def RpbCSBucketReq(self, request: Any) -> Replies:
        self.properties.require(
            request.type, "Error processing incoming message: error:{{badmatch,"
        )
        yield from fold(self.objects.bucket(request.type, request.bucket), request)

    def RpbListKeysReq(self, request: Any) -> Replies:
        self.properties.require(request.type, NO_TYPE)
        keys = self.objects.bucket(request.type, request.bucket).keys
        for at in range(0, len(keys), 100):
            yield messages.RpbListKeysResp(keys=keys[at : at + 100])
        yield messages.RpbListKeysResp(done=True)

    def RpbListBucketsReq(self, request: Any) -> Replies:
        self.properties.require(request.type, NO_TYPE)
        wanted = request.type or b"default"
        names = [
            name
            for (type, name), bucket in self.objects.buckets.items()
            if type == wanted and bucket.objects
        ]
        yield messages.RpbListBucketsResp(buckets=names)
        if request.stream:
            yield messages.RpbListBucketsResp(done=True)

    # --- properties ---

    def RpbGetBucketReq(self, request: Any) -> Replies:
        self.properties.require(request.type, NO_TYPE)
        yield message(self.properties.of(request.type, request.bucket))

    def RpbSetBucketReq(self, request: Any) -> Replies:
        self.properties.require(request.type, NO_TYPE)
        self.properties.set(request.type, request.bucket, request.props)
        yield messages.RpbSetBucketResp()

    def RpbResetBucketReq(self, request: Any) -> Replies:
        self.properties.require(request.type, NO_TYPE)
        self.properties.reset(request.type, request.bucket)
        yield messages.RpbResetBucketResp()

    def RpbGetBucketTypeReq(self, request: Any) -> Replies:
        self.properties.require(request.type, 'Invalid bucket type: <<"{}">>')
        yield message(self.properties.types[request.type])

    def RpbSetBucketTypeReq(self, request: Any) -> Replies:
        self.properties.require(request.type, "Invalid bucket properties: not_active")
        props = request.props.ListFields()
        self.properties.types[request.type] |= {f.name: value for f, value in props}
        yield messages.RpbSetBucketResp()

    # --- data types ---

    def data_type(self, request: Any) -> int:
        """Return the data type of the bucket that a request names."""
        self.properties.require(request.type, 'Error no bucket type `<<"{}">>`')
        return datatypes.datatype(self.properties.of(request.type, request.bucket))

    def DtFetchReq(self, request: Any) -> Replies:
        kind = self.data_type(request)
        reply = messages.DtFetchResp(type=kind)
        value = self.data.get(place(request))
        if value is not None:
            datatypes.fill(reply.value, kind, value)
            reply.value.SetInParent()
            self.add_context(reply, request, kind)
        yield reply

    def add_context(self, reply: Any, request: Any, kind: int) -> None:
        """Give a reply a context, if the request asks for one."""
        wanted = request.include_context or not request.HasField("include_context")
        if wanted and kind != datatypes.COUNTER:
            reply.context = b"context"

    def DtUpdateReq(self, request: Any) -> Replies:
        kind = self.data_type(request)
        made = made_name(27) if not request.HasField("key") else None
        request.key = made or request.key
        value = datatypes.updated(kind, self.data.get(place(request)), request)
        bucket = self.objects.bucket(request.type, request.bucket)
        content = messages.RpbContent(
            value=b"a data type", content_type=b"application/riak_" + names(kind)
        )
        self.objects.write(bucket, request.key, content, b"", False)
        self.data[place(request)] = value
        reply = messages.DtUpdateResp(key=made)
        if request.return_body:
            datatypes.fill(reply, kind, value)
            self.add_context(reply, request, kind)
        yield reply

    # --- the counters of Riak 1.4, in buckets without a type ---

    def RpbCounterUpdateReq(self, request: Any) -> Replies:
        if not self.properties.of(b"", request.bucket)["allow_mult"]:
            text = "\"Counters require bucket property 'allow_mult=true'\""
            raise Refused(text)
        where = (b"", request.bucket, request.key)
        self.data[where] = self.data.get(where, 0) + request.amount
        value = self.data[where] if request.returnvalue else None
        yield messages.RpbCounterUpdateResp(value=value)

    def RpbCounterGetReq(self, request: Any) -> Replies:
        value = self.data.get((b"", request.bucket, request.key))
        yield messages.RpbCounterGetResp(value=value)


def place(request: Any) -> tuple[bytes, bytes, bytes]:
    """Return the (bucket type, bucket, key) that a request names."""
    return request.type, request.bucket, request.key


def names(kind: int) -> bytes:
    """Return the name of a data type."""
    return next(name for name, each in datatypes.TYPES.items() if each == kind)
