"""The MongoDB backend."""

from ..drivers import driver

with driver("mongodb"):
    import pymongo  # noqa: F401
