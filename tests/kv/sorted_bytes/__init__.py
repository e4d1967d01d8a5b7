"""A backend on a sorted list of keys in memory, for the tests of OrderedWrapper."""
