"""Django's database backend for Riak KV: ENGINE is "nonrel_backend.riak"."""
