# Every target makes .venv when it is missing and installs what it needs.

PYTHON ?= python3
VENV ?= .venv
BACKEND ?= $(or $(NONREL_ENGINE),lmdb)
N ?= 2000
BIN := $(VENV)/bin
# What `make test` runs on DynamoDB, in some minutes.
DYNAMODB_TESTS := tests/dynamodb tests/dml tests/lookups tests/schema \
	tests/testing/conformance tests/testing/services tests/docs/test_dynamodb.py
DYNAMODB_APPS := aggregation annotations basic bulk_create composite_pk constraints \
	custom_pk delete expressions get_or_create indexes lookup m2m_through \
	many_to_many model_inheritance null_queries one_to_one ordering raw_query \
	select_for_update select_related transaction_hooks transactions update validation

.PHONY: help demo test suite lint format bench fuzz mutants docs clean

help:
	@echo "make demo    migrate, load and tour testproject on LMDB (SERVE=1 serves it;"
	@echo "             BACKEND=mongodb or BACKEND=dynamodb starts a server for it)"
	@echo "make test    our own tests on LMDB, MongoDB, DynamoDB (those that concern it"
	@echo "             most; nox -s dynamodb runs all), Riak (a stand-in, or"
	@echo "             RIAK_HOST) and the template, REST on SQLite too, a choice of"
	@echo "             Django's suite"
	@echo "make suite   all 128 apps of Django's suite on LMDB"
	@echo "make lint    ruff and mypy"
	@echo "make bench   the benchmarks, side by side"
	@echo "make fuzz    N=100000 random queries compared with SQLite"
	@echo "make mutants plants faults, and has the conformance suite find each"
	@echo "make docs    the tables of Django's suite in docs/ anew"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,dev,browser]'
	touch $@

$(VENV)/.lint: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	touch $@

# Only a store with a server needs what the tests need, the server among it.
demo: $(VENV)/$(if $(filter lmdb,$(BACKEND)),.demo,.test)
	NONREL_ENGINE=$(BACKEND) SERVE=$(SERVE) $(BIN)/python testproject/demo.py

test: $(VENV)/.test
	$(MAKE) --jobs=2 --output-sync=target \
		test-mongodb test-dynamodb test-riak test-lmdb test-template test-sqlite
	$(BIN)/python runtests.py django --quick --backend mongodb
	$(BIN)/python runtests.py django --backend dynamodb $(DYNAMODB_APPS)

# All tests on DynamoDB, and all of Django's apps, are `nox -s dynamodb`.
test-dynamodb: $(VENV)/.test
	$(BIN)/python runtests.py --backend dynamodb $(DYNAMODB_TESTS)

# REST serves models on any database; what else is tested is ours.
test-sqlite: $(VENV)/.test
	$(BIN)/python runtests.py --backend sqlite tests/rest

test-%: $(VENV)/.test
	$(BIN)/python runtests.py --backend $*

suite: $(VENV)/.test
	$(BIN)/python runtests.py django --backend lmdb

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.run

fuzz: $(VENV)/.test
	FUZZ_QUERIES=$(N) $(BIN)/python runtests.py --backend $(BACKEND) tests/testing/differential

mutants: $(VENV)/.test
	$(BIN)/python -m tests.mutants

docs: $(VENV)/.test
	$(BIN)/python runtests.py django --backend lmdb --save docs/django-suite-lmdb.md
	$(BIN)/python runtests.py django --backend mongodb --save docs/django-suite.md
	$(BIN)/python runtests.py django --backend dynamodb --timeout 3000 \
		--save docs/django-suite-dynamodb.md
	$(BIN)/python runtests.py django --backend riak --save docs/django-suite-riak.md
	$(BIN)/python runtests.py django --backend template --save docs/django-suite-template.md

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
