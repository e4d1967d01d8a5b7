"""Rules of the planner, forced."""

import pytest
from django.db import connection

from nonrel_backend.planner import choose
from nonrel_backend.testing import forcing


def rule_of(queryset):
    plan, _ = queryset.query.get_compiler(connection=connection).plan()
    return plan.rule


def test_each_rule_is_forced_in_one_run():
    names = [name for run in forcing.RUNS for name in run]
    assert sorted([*names, "local"]) == sorted(forcing.NAMES)


def test_a_forced_rule_comes_before_cheaper_ones(library):
    books = library.Book.objects.filter(pages=1)
    assert rule_of(books) == "one_table"
    with forcing.forced("rows"):
        assert rule_of(books) == "rows"
        assert rule_of(library.Book.objects.values("pages").distinct()) == "local"
    assert rule_of(books) == "one_table"


def test_the_parts_of_a_forced_union_are_planned_by_all_rules(library):
    keys = library.Book.objects.values_list("pk")
    with forcing.forced("union"):
        assert rule_of(keys.union(keys.filter(pages=1)).order_by("pk")[:3]) == "union"


def test_the_rules_that_would_take_a_statement_are_known(library):
    with forcing.asked() as rules:
        assert list(library.Book.objects.filter(pages=1)) == []
    assert rules == {"one_table", "rows", "streamed", "local"}
    assert choose.RULES == forcing.RULES


def test_no_unknown_rule_is_forced():
    with pytest.raises(ValueError, match="quick is none of the rules one_table"):
        forcing.force("quick")
