"""The tables of the fault runs: the `op` of a row names the operation that wrote it."""

from django.db import models


class Account(models.Model):
    balance = models.IntegerField()


class Counter(models.Model):
    value = models.IntegerField(default=0)


class Movement(models.Model):
    """What a transfer writes beside the balances of its two accounts."""

    op = models.CharField(max_length=20, db_index=True)
    source = models.IntegerField()
    target = models.IntegerField()
    amount = models.IntegerField()


class Entry(models.Model):
    """One line of a worker's log."""

    op = models.CharField(max_length=20, db_index=True)
    number = models.IntegerField()
    text = models.TextField()


class Claim(models.Model):
    name = models.CharField(max_length=30, unique=True)
    op = models.CharField(max_length=20)
