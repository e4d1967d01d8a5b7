"""IdentityCache computes once for each object, whatever it is equal to."""

from django.db import models

from nonrel_backend.caching import IdentityCache


def test_fields_that_compare_equal_have_their_own_results():
    field = models.IntegerField()
    copy = field.clone()
    copy.creation_counter = field.creation_counter
    assert field == copy
    cache = IdentityCache(id, 10)
    assert cache(field) == id(field) != cache(copy) == id(copy)


def test_a_result_is_computed_once():
    computed = []
    cache = IdentityCache(computed.append, 10)
    key = object()
    cache(key)
    cache(key)
    assert computed == [key]


def test_all_results_are_dropped_when_the_cache_is_full():
    cache = IdentityCache(str, 2)
    first, second, third = [], {}, set()
    assert [cache(each) for each in (first, second, third)] == ["[]", "{}", "set()"]
    assert list(cache.entries) == [id(third)]
