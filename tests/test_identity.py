"""IdentityCache."""

from django.db import models

from nonrel_backend.identity import IdentityCache


def test_fields_that_compare_equal_have_their_own_results():
    field = models.IntegerField()
    copy = field.clone()
    copy.creation_counter = field.creation_counter
    assert field == copy
    cache = IdentityCache(id, 10)
    assert cache.add(field) != cache.add(copy)
    assert cache[id(field)] == (field, id(field))


def test_all_results_are_dropped_when_the_cache_is_full():
    cache = IdentityCache(str, 2)
    first, second, third = [], {}, set()
    assert [cache.add(each) for each in (first, second, third)] == ["[]", "{}", "set()"]
    assert list(cache) == [id(third)]
