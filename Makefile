# `make demo` and `make test` do everything from a fresh clone; both need only Python ≥ 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed.stamp

.PHONY: demo test check clean

demo: $(INSTALLED)
	$(BIN)/smgee demo --out runs/demo

test: $(INSTALLED) check
	$(BIN)/python -m pytest -q -n 2 --dist loadscope

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_structure.py

# The environment is made again when what it is made from changes.
$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
