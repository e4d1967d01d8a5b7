"""inspectdb on tables that migrations made, and on SQL databases beside them."""

from io import StringIO

from django.core.management import call_command
from django.core.management.commands.inspectdb import Command as DjangosCommand


def test_columns_of_documents_have_a_field(documents):
    out = StringIO()
    call_command("inspectdb", documents.City._meta.db_table, stdout=out)
    assert "import nonrel_backend.fields" in out.getvalue()
    assert "tags = nonrel_backend.fields." in out.getvalue()
    assert "DocumentField" not in out.getvalue()


def test_a_sql_database_is_inspected_as_by_django(library):
    ours, djangos = StringIO(), StringIO()
    call_command("inspectdb", database="oracle", stdout=ours)
    call_command(DjangosCommand(), database="oracle", stdout=djangos)
    assert ours.getvalue() == djangos.getvalue()
    assert "class LibraryBook(models.Model)" in ours.getvalue()
