"""The Riak example of the documents, its damaged lines made whole, and what it needs of
the riak package, on our own client.
"""

import json
import os
from collections.abc import MutableMapping
from contextlib import ExitStack, contextmanager

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.bundle import Bundle
from nonrel_backend.rest.resources import Resource
from nonrel_backend.riak.client import Client, Pool
from nonrel_backend.riak.client.client import content


@contextmanager
def riak_pool():
    """Return a client of the Riak of RIAK_HOST, or a stand-in."""
    from nonrel_backend.testing.riak.server import StandInRiak

    with ExitStack() as stack:
        host = os.environ.get("RIAK_HOST")
        if not host:
            host = f"127.0.0.1:{stack.enter_context(StandInRiak()).port}"
        pool = Pool(host)
        stack.callback(pool.close)
        yield pool


class Objects(MutableMapping):
    """A bucket with texts by key."""

    def __init__(self, pool, bucket):
        self.client, self.bucket = Client(pool), bucket

    def __getitem__(self, key):
        found = self.client.get(self.bucket, key).content
        if not found:
            raise KeyError(key)
        return found[0].value.decode()

    def __setitem__(self, key, text):
        vclock = self.client.get(self.bucket, key, head=True).vclock
        self.client.put(self.bucket, key, content(text.encode()), vclock=vclock)

    def __delitem__(self, key):
        self.client.delete(self.bucket, key)

    def __iter__(self):
        # A deleted object keeps its key for some seconds.
        for key in list(self.client.keys(self.bucket)):
            if self.client.get(self.bucket, key, head=True).content:
                yield key.decode()

    def __len__(self):
        return sum(1 for _ in self)


class riak:
    """The part of the riak package that the example uses."""

    class RiakClient:
        buckets: dict[str, Objects] = {}

        def bucket(self, name):
            return riak.Bucket(self.buckets[name])

        def add(self, name):
            return riak.MapReduce(self.buckets[name])

    class MapReduce:
        def __init__(self, objects):
            self.objects = objects

        def map(self, function):
            return self

        def run(self):
            return [[key, json.loads(text)] for key, text in self.objects.items()]

    class Bucket:
        def __init__(self, objects):
            self.objects = objects

        def new(self, key, data=None):
            return riak.Object(self.objects, key, data)

        def get(self, key):
            text = self.objects.get(key)
            return riak.Object(self.objects, key, text and json.loads(text))

        def get_keys(self):
            return list(self.objects)

    class Object:
        def __init__(self, objects, key, data):
            self.objects, self.key, self.data = objects, key, data

        def get_data(self):
            return self.data

        def store(self):
            self.objects[self.key] = json.dumps(self.data)

        def delete(self):
            self.objects.pop(self.key, None)


# We need a generic object to shove data in/get data from.
# Riak generally just tosses around dictionaries, so we'll lightly
# wrap that.
class RiakObject:
    def __init__(self, initial=None):
        self.__dict__["_data"] = {}

        if hasattr(initial, "items"):
            self.__dict__["_data"] = initial

    def __getattr__(self, name):
        return self._data.get(name, None)

    def __setattr__(self, name, value):
        self.__dict__["_data"][name] = value

    def to_dict(self):
        return self._data


class MessageResource(Resource):
    # Just like a Django ``Form`` or ``Model``, we're defining all the
    # fields we're going to handle with the API here.
    uuid = fields.CharField(attribute="uuid")
    user_uuid = fields.CharField(attribute="user_uuid")
    message = fields.CharField(attribute="message")
    created = fields.IntegerField(attribute="created")

    class Meta:
        resource_name = "riak"
        object_class = RiakObject
        authorization = Authorization()

    # Specific to this resource, just to get the needed Riak bits.
    def _client(self):
        return riak.RiakClient()

    def _bucket(self):
        client = self._client()
        # Note that we're hard-coding the bucket to use. Fine for
        # example purposes, but you'll want to abstract this.
        return client.bucket("messages")

    # The following methods will need overriding regardless of your
    # data source.
    def detail_uri_kwargs(self, bundle_or_obj):
        kwargs = {}

        if isinstance(bundle_or_obj, Bundle):
            kwargs["pk"] = bundle_or_obj.obj.uuid
        else:
            kwargs["pk"] = bundle_or_obj.uuid

        return kwargs

    def get_object_list(self, request):
        query = self._client().add("messages")
        query.map(
            "function(v) { var data = JSON.parse(v.values[0].data); "
            "return [[v.key, data]]; }"
        )
        results = []

        for result in query.run():
            new_obj = RiakObject(initial=result[1])
            new_obj.uuid = result[0]
            results.append(new_obj)

        return results

    def obj_get_list(self, bundle, **kwargs):
        # Filtering disabled for brevity...
        return self.get_object_list(bundle.request)

    def obj_get(self, bundle, **kwargs):
        bucket = self._bucket()
        message = bucket.get(kwargs["pk"])
        return RiakObject(initial=message.get_data())

    def obj_create(self, bundle, **kwargs):
        bundle.obj = RiakObject(initial=kwargs)
        bundle = self.full_hydrate(bundle)
        bucket = self._bucket()
        new_message = bucket.new(bundle.obj.uuid, data=bundle.obj.to_dict())
        new_message.store()
        return bundle

    def obj_update(self, bundle, **kwargs):
        return self.obj_create(bundle, **kwargs)

    def obj_delete_list(self, bundle, **kwargs):
        bucket = self._bucket()

        for key in bucket.get_keys():
            obj = bucket.get(key)
            obj.delete()

    def obj_delete(self, bundle, **kwargs):
        bucket = self._bucket()
        obj = bucket.get(kwargs["pk"])
        obj.delete()

    def rollback(self, bundles):
        pass
