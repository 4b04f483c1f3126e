# `make demo` and `make test` do everything from a fresh clone; both need only Python ≥ 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed.stamp

CHECKS := style types contracts audit

.PHONY: demo test check $(CHECKS) coverage docs docs-links clean

demo: $(INSTALLED)
	$(BIN)/smgee demo --out runs/demo

# How the suite is dealt to its workers: tests/conftest.py.
test: $(INSTALLED)
	$(MAKE) --jobs 2 $(CHECKS)
	$(BIN)/python -m pytest -q -n 2

check: $(INSTALLED)
	$(MAKE) --jobs 2 $(CHECKS)
	$(BIN)/python -m pytest -q tests/test_structure.py

style: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

contracts: $(INSTALLED)
	$(BIN)/lint-imports

audit: $(INSTALLED)
	$(BIN)/python -m tests.audit

# Branches covered, in what must not fail: the whole suite takes an hour or so under it. A part of it:
# make coverage TESTS=tests/metrics PARTS='smgee/metrics/*'
TESTS ?= tests
PARTS ?= smgee/eelocal/*,smgee/trees/*,smgee/validation/*,smgee/remote/*,smgee/workflow/*
coverage: $(INSTALLED)
	@mkdir -p build
	$(BIN)/python -m coverage run -m pytest -q $(TESTS)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --include='$(PARTS)'

# The pages that follow from the code are written first; a warning is an error, a broken link within the pages too.
docs: $(INSTALLED)
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html
	@echo "docs/_build/html/index.html"

# Links to other sites; needs a network.
docs-links: docs
	$(BIN)/python -m sphinx -W --keep-going -q -b linkcheck docs docs/_build/links

# The environment is made again when what it is made from changes. Of its modules those are compiled that are
# imported, when they are.
$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[test,docs]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
