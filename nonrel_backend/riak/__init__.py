"""Riak KV as a database of Django: ENGINE is "nonrel_backend.riak"."""
