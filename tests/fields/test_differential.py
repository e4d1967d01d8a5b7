"""Random documents and queries, against an oracle in plain Python.

FUZZ_DOCUMENTS sets how many queries are tried, FUZZ_SEED where they begin.
"""

import os

import pytest

CASES = int(os.environ.get("FUZZ_DOCUMENTS", 300))
SEED = int(os.environ.get("FUZZ_SEED", 1))
QUERIES = 100
ROWS = 25


@pytest.mark.parametrize("alias", ["default", "oracle"])
def test_queries_of_documents(documents, databases, alias):
    from tests.fields.oracle import ORDERED, Maker, path_key, satisfies

    City = documents.City
    for number in range((CASES + QUERIES - 1) // QUERIES):
        maker = Maker(SEED + number, plain=alias == "oracle")
        City.objects.using(alias).all().delete()
        cities = [maker.city(f"city {at}") for at in range(ROWS)]
        City.objects.using(alias).bulk_create(cities)
        stored = list(City.objects.using(alias).order_by("pk"))
        for before, after in zip(cities, stored, strict=True):
            for field in City._meta.concrete_fields:
                if not field.primary_key:
                    name = field.attname
                    assert getattr(before, name) == getattr(after, name), name
        for _ in range(QUERIES):
            query = maker.query()
            rows = City.objects.using(alias).filter(query).order_by("pk")
            found = [each.name for each in rows]
            wanted = [each.name for each in stored if satisfies(each, query)]
            assert found == wanted, (SEED + number, query)
            assert rows.count() == len(wanted), (SEED + number, query)
            path, down = maker.random.choice(ORDERED), maker.random.choice(["", "-"])
            ordered = rows.order_by(f"{down}{path}", "pk")[1:6]
            by_path = sorted(
                (each for each in stored if satisfies(each, query)),
                key=lambda each: path_key(each, path),
                reverse=bool(down),  # what is equal stays in the order of keys
            )
            values = rows.order_by("pk").values_list(path, flat=True)
            assert list(ordered) == by_path[1:6], (SEED + number, query, path)
            assert list(values) == [
                path_key(each, path)[1] for each in stored if satisfies(each, query)
            ], (SEED + number, query, path)
