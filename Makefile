# demo: install and show what hourglass does    test: the tests    check: style, types, import rules, size and copies
# bench: comparisons with peers                 docs: remake docs/help.md and check the pages
PYTHON ?= python3
WORKERS ?= auto
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
# Small tensors and two test processes: more threads only get in each other's way.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test check format bench docs clean

demo: .venv/demo.stamp
	$(BIN)/hourglass demo --force

test: .venv/test.stamp
	$(PYTEST) -n $(WORKERS) --maxprocesses 4 --dist worksteal

check: .venv/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(PYTEST) -q tests/test_house.py
	$(BIN)/python docs/make.py --check

format: .venv/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/bench.stamp
	$(BIN)/python benchmarks/run.py $(if $(DATA),--data $(DATA))

docs: .venv/test.stamp
	$(BIN)/python docs/make.py
	$(PYTEST) -q tests/test_docs.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache hourglass-demo

.venv/made.stamp:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "hourglass needs Python 3.11 or later; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/demo.stamp: pyproject.toml | .venv/made.stamp
	@echo "Installing hourglass; the first time takes a few minutes, mostly for torch."
	$(PIP) -e .
	touch $@

.venv/test.stamp: pyproject.toml | .venv/made.stamp
	@echo "Installing hourglass and what its tests need; the first time takes a few minutes, mostly for torch."
	$(PIP) -e '.[test]'
	touch $@

.venv/dev.stamp: pyproject.toml | .venv/made.stamp
	$(PIP) -e '.[dev]'
	touch $@ .venv/test.stamp

.venv/bench.stamp: pyproject.toml | .venv/made.stamp
	$(PIP) -e '.[bench]'
	touch $@
