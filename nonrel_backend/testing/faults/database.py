"""Django on the store of a fault run: its settings, its tables and what they hold."""

from typing import Any

import django
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from .judge import OPENING_BALANCE, State

ACCOUNTS = range(1, 9)
COUNTERS = range(1, 5)


def set_up(entry: dict[str, Any]) -> None:
    """Set Django up with one database."""
    settings.configure(
        DATABASES={DEFAULT_DB_ALIAS: entry},
        INSTALLED_APPS=["nonrel_backend", "nonrel_backend.testing.faults"],
        USE_TZ=True,
    )
    django.setup()


def create_tables() -> None:
    """Create the tables, the accounts and the counters."""
    from . import models

    with connections[DEFAULT_DB_ALIAS].schema_editor() as editor:
        for model in models.Account._meta.app_config.get_models():
            editor.create_model(model)
    for pk in ACCOUNTS:
        models.Account.objects.create(pk=pk, balance=OPENING_BALANCE)
    for pk in COUNTERS:
        models.Counter.objects.create(pk=pk)


def read_state(alias: str = DEFAULT_DB_ALIAS) -> State:
    """Return what the tables hold, read in one transaction where there are any."""
    from .models import Account, Claim, Counter, Entry, Movement

    state = State()
    with transaction.atomic(using=alias):
        for claim in Claim.objects.using(alias):
            state.rows[claim.op].append(f"claim {claim.name}")
        for entry in Entry.objects.using(alias):
            state.rows[entry.op].append(f"entry {entry.number}")
        for each in Movement.objects.using(alias):
            text = f"movement {each.source}>{each.target}:{each.amount}"
            state.rows[each.op].append(text)
            state.movements.append((each.source, each.target, each.amount))
        state.balances = {
            each.pk: each.balance for each in Account.objects.using(alias)
        }
        state.counters = {each.pk: each.value for each in Counter.objects.using(alias)}
    return state
