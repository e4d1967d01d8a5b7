"""Keys found first: the values of a column by one command, where that may be used."""

from django.db import transaction
from django.db.models import Exists, OuterRef


def test_keys_come_by_a_distinct_command_but_in_a_transaction(library, commands):
    authors = [
        library.Author.objects.create(name=name, email=name) for name in ("a", "b")
    ]
    for number in range(4):
        editor = authors[0] if number % 2 else None
        library.Book.objects.create(
            title="t", author=authors[1], editor=editor, pages=number
        )
    edited = library.Book.objects.filter(editor=OuterRef("pk"), pages__gte=0)
    found = library.Author.objects.filter(Exists(edited))
    commands.clear()
    assert [author.name for author in found] == ["a"]
    assert commands == ["distinct", "find"]
    with transaction.atomic():
        commands.clear()
        assert [author.name for author in found.all()] == ["a"]
        assert "distinct" not in commands
