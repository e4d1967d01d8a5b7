# Every target makes .venv when it is missing and installs what it needs.

PYTHON ?= python3
VENV ?= .venv
BACKEND ?= mongodb
N ?= 2000
BIN := $(VENV)/bin

.PHONY: help demo test lint format bench fuzz docs clean

help:
	@echo "make demo    start the store, migrate, load and tour testproject (SERVE=1 serves it)"
	@echo "make test    our own tests, then a choice of Django's own suite"
	@echo "make lint    ruff and mypy"
	@echo "make bench   the benchmarks, side by side"
	@echo "make fuzz    N=100000 random queries compared with SQLite"
	@echo "make docs    docs/django-suite.md anew: all 128 apps of Django's suite"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,dev]'
	touch $@

$(VENV)/.lint: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	touch $@

demo: $(VENV)/.test
	NONREL_BACKEND=$(BACKEND) SERVE=$(SERVE) $(BIN)/python testproject/demo.py

test: $(VENV)/.test
	$(BIN)/python runtests.py --backend $(BACKEND)
	$(BIN)/python runtests.py django --quick --backend $(BACKEND)

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
	FUZZ_QUERIES=$(N) $(BIN)/python runtests.py --backend $(BACKEND) tests/differential

docs: $(VENV)/.test
	$(BIN)/python runtests.py django --backend $(BACKEND) --save docs/django-suite.md

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
