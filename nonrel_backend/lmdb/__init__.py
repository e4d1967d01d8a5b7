"""The LMDB backend: the whole ORM on an ordered key-value store in a folder."""

from ..drivers import driver

with driver("lmdb"):
    import lmdb  # noqa: F401
    import msgpack  # noqa: F401
