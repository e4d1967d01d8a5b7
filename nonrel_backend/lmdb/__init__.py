"""The LMDB backend: the whole ORM on an ordered key-value store in a folder."""
