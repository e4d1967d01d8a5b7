"""A check constraint follows its columns: it is renamed and dropped with them."""

import pytest
from django.db import IntegrityError, connection, migrations, models

APP = "checked"


@pytest.fixture
def migrate(run_operations):
    """Run operations one after the other; return the model they lead to."""

    def run(*operations):
        return run_operations(APP, *operations).get_models()[0]

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
    return run


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
