# Everything here installs what it needs into .venv and touches nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start many processes, which would compile the same modules again and again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types unit slow crash soak fuzz mutants coverage bench clean

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "brickpush needs Python 3.11 or newer; set PYTHON, for example: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Brickpush into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[app]'
	@touch $@

$(VENV)/dev.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Brickpush and its development tools into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[app,dev]'
	@touch $@ $(VENV)/app.installed

demo: $(VENV)/app.installed ## A real push, a stand-in GitHub and Databricks, and 60 Git folders.
	@$(BIN)/python -m sandbox demo

lint: $(VENV)/dev.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit -q -r brickpush promotion hooks github_app -c pyproject.toml

types: $(VENV)/dev.installed
	$(BIN)/mypy

# In a random order, which can be repeated: make unit SEED=77
unit: $(VENV)/dev.installed
	$(BIN)/pytest -n 5 --dist worksteal $(if $(SEED),-p randomly --randomly-seed $(SEED))

slow: $(VENV)/dev.installed ## The longer tests: bursts, pre-commit and prek, databases that die.
	$(BIN)/pytest -n 2 -m slow

crash: $(VENV)/dev.installed ## A kill at every call and every commit, on SQLite and PostgreSQL.
	$(BIN)/pytest -n 4 -m crash tests/crash

soak: $(VENV)/dev.installed ## Ten thousand pushes with faults and kills; half an hour.
	$(BIN)/pytest -m soak tests/soak

fuzz: $(VENV)/dev.installed ## A long run of hostile webhooks.
	BRICKPUSH_FUZZ_EXAMPLES=50000 $(BIN)/pytest -n 2 tests/security/test_fuzz_webhook.py --timeout 0

# Other samples: make mutants SEED=2 COUNT=20 ONLY=promotion/
mutants: $(VENV)/dev.installed ## Sixty small changes of the product: how many does a test notice?
	@PYTHONPATH=tests $(BIN)/python -m mutants $(if $(SEED),--seed $(SEED)) \
	  $(if $(COUNT),--count $(COUNT)) $(if $(ONLY),--only $(ONLY))

coverage: $(VENV)/dev.installed ## Which lines no test runs, in whatever process.
	@PYTHONPATH=tests $(BIN)/python -m mutants --coverage

test: lint types unit ## Lint, types and tests; pytest's closing line is the last.

bench: $(VENV)/dev.installed ## The benchmarks: ratios within one run.
	@$(BIN)/python -m benchmarks

clean: ## Remove what make installed and what tools left.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutants .coverage dist
