"""A check constraint follows its columns: it is renamed and dropped with them."""

import pytest
from django.db import IntegrityError, connection, migrations, models
from django.db.migrations.state import ProjectState

APP = "checked"


@pytest.fixture
def migrate(databases):
    """Run operations one after the other; return the model they lead to."""
    states = [ProjectState()]

    def run(*operations):
        for operation in operations:
            before = states[-1]
            after = before.clone()
            operation.state_forwards(APP, after)
            with connection.schema_editor() as editor:
                operation.database_forwards(APP, editor, before, after)
            states.append(after)
        return states[-1].apps.get_models()[0]

    run(
        migrations.CreateModel(
            "Account",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("balance", models.IntegerField(null=True)),
                ("credit", models.IntegerField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(balance__gt=0) | models.Q(credit__gt=0),
                        name="solvent",
                    )
                ]
            },
        )
    )
    yield run
    with connection.schema_editor() as editor:
        editor.delete_model(states[-1].apps.get_model(APP, "Account"))


def test_a_check_follows_a_renamed_column(migrate):
    account = migrate(migrations.RenameField("Account", "balance", "amount"))
    account.objects.create(amount=1, credit=-1)
    with pytest.raises(IntegrityError, match="solvent"):
        account.objects.create(amount=-1, credit=-1)
    with pytest.raises(IntegrityError, match="solvent"):
        account.objects.filter(amount=1).update(amount=-1)
    table = account._meta.db_table
    found = connection.introspection.get_constraints(None, table)["solvent"]
    assert sorted(found["columns"]) == ["amount", "credit"]


def test_a_check_follows_a_renamed_table(migrate):
    account = migrate(migrations.AlterModelTable("Account", "checked_other"))
    with pytest.raises(IntegrityError, match="solvent"):
        account.objects.create(balance=-1, credit=-1)


def test_a_check_is_gone_when_it_is_removed(migrate):
    account = migrate(migrations.RemoveConstraint("Account", "solvent"))
    assert account.objects.create(balance=-1, credit=-1).pk
