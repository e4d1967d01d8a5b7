"""Commands as the query log and explain() show them."""

from nonrel_backend.text import brief


def test_long_lists_are_cut_and_the_rest_is_shown_as_it_is():
    command = {"_id": {"$in": list(range(30))}, "name": {"$in": ["x", None]}}
    numbers = ", ".join(map(str, range(20)))
    assert brief(command) == (
        "{'_id': {'$in': [" + numbers + ", ... 30 values]}, "
        "'name': {'$in': ['x', None]}}"
    )
    assert brief([{"$match": {}}]) == "[{'$match': {}}]"
