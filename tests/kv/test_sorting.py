"""Sorting in runs that are merged."""

import os
import random

import pytest

from nonrel_backend.kv import sorting


@pytest.fixture(params=[3, 7, 1_000])
def runs(monkeypatch, request):
    monkeypatch.setattr(sorting, "RUN", request.param)
    monkeypatch.setattr(sorting, "PORTION", 2)


@pytest.mark.parametrize("ways", ["u", "d", "ud", "du", "dd", "udu"])
def test_rows_are_in_order_and_equal_ones_stay_in_theirs(runs, ways):
    chance = random.Random(ways)
    for size in (0, 1, 3, 6, 7, 50):
        rows = [[chance.randrange(3) for _ in ways] + [n] for n in range(size)]
        expected = list(rows)
        for index in reversed(range(len(ways))):
            expected.sort(key=lambda row: row[index], reverse=ways[index] == "d")
        keys = [
            (lambda row, index=index: row[index], way == "d")
            for index, way in enumerate(ways)
        ]
        assert list(sorting.in_order(rows, keys)) == expected
        for number in (0, 1, 5, 60):
            assert sorting.first_in_order(rows, keys, number) == expected[:number]


def test_the_files_of_runs_are_closed_with_the_iterator(runs):
    def opened():
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("The system lists no open files in /proc.")
    before = opened()
    found = sorting.in_order(range(50, 0, -1), [(lambda row: row, False)])
    assert next(found) == 1
    del found
    assert opened() == before
    assert list(sorting.in_order(range(9), [(lambda row: row, True)]))[0] == 8
    assert opened() == before
