"""A stand-in for Riak, in memory."""
