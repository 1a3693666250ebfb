# Thin on purpose: each line is a command that you can type. README.md has them without make.

PYTHON ?= python3
VENV ?= .venv
STEP ?=
BOOKS ?=
PORT ?= 8000
DOCS_PORT ?= 8300
TIMEOUT ?= 0

BIN = $(VENV)/bin
# uv installs everything: the one on your PATH, or one that pip puts into the virtual environment.
UV ?= $(or $(shell command -v uv),$(BIN)/uv)

# Popen and Celery are compared in step 06, with a database of 20,000 books.
COMPARE = DATABASE_URL=sqlite:///$(CURDIR)/.demo/compare.sqlite3 $(BIN)/python steps/06_celery_compare/manage.py

.PHONY: demo test test-all test-setup docs bench faults load lint constraints

demo: $(VENV)/with-demo
	@$(BIN)/tutorial demo $(STEP) $(if $(BOOKS),--books $(BOOKS)) --port $(PORT) --timeout $(TIMEOUT)

test-setup: $(VENV)/with-test

test: test-setup
	$(BIN)/pytest

test-all: test-setup
	$(BIN)/pytest --all

docs: $(VENV)/with-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:$(DOCS_PORT)

bench: $(VENV)/with-test
	$(BIN)/python benchmarks/ways.py
	$(BIN)/tutorial bench
	mkdir -p .demo
	$(COMPARE) migrate -v0
	$(COMPARE) seed_books 20000 --clear
	$(COMPARE) compare_runners -o benchmarks/results/compare_subprocess_celery.json

faults: $(VENV)/with-test
	$(BIN)/python benchmarks/faults.py

load: $(VENV)/with-test
	$(BIN)/python benchmarks/load.py

lint: $(VENV)/with-test
	$(BIN)/ruff format --check
	$(BIN)/ruff check

constraints: $(VENV)/with-test
	$(UV) pip compile --universal --python-version=3.11 --all-extras --upgrade --no-annotate --no-header --quiet \
		--output-file=constraints.txt pyproject.toml >/dev/null

# What to install for which target. A target installs again when the versions have changed.
EXTRAS_demo = .
EXTRAS_docs = .[docs]
EXTRAS_test = .[test,docs,runners]

$(VENV)/with-%: pyproject.toml constraints.txt | $(BIN)/python $(UV)
	@echo "Installing the packages for $* into $(VENV) (once)"
	@UV_COMPILE_BYTECODE=1 $(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '$(EXTRAS_$*)'
	@touch $@

$(BIN)/uv: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed. Name one: make demo PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
