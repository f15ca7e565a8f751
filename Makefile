# Needs Python 3.11 or newer, with pip and venv, and make. Everything else goes into .venv.

PYTHON ?= python3
LOCK := tests/requirements.txt
STAMP := .venv/.installed
SOAK_SECONDS ?= 600

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help .venv demo test check lint types imports tests format docs lock servers bench \
    bench-elasticsearch kill power-cut soak large-spool clean

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' Makefile

.venv: $(STAMP)  ## Install the program and all that its tests need into .venv.

# Stamped with a file of its own: the date of the directory says nothing of a finished install.
$(STAMP): $(LOCK) pyproject.toml
	@echo "Installing into .venv what is needed; the first time, this takes a minute or two." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "This needs Python 3.11 or newer, and $(PYTHON) is not;" \
	        "name another: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
# The lock is whole: of what it names, pip shall not look for anything newer.
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## Show the logins in the sample logs as a table.
	@.venv/bin/esa-forwarder parse --format table examples/mail_logs

test: lint types imports tests  ## Run every check and every test, with branch coverage.

check: $(STAMP)  ## The quick variant: tests on all cores, without coverage, up to the first failure.
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --quiet --check
	.venv/bin/mypy --no-error-summary
	.venv/bin/pytest --quiet --numprocesses auto --dist loadgroup --exitfirst

lint: $(STAMP)  ## Check style and formatting.
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: $(STAMP)  ## Check the types.
	.venv/bin/mypy

imports: $(STAMP)  ## Check that imports follow the flow and the core is pure.
	.venv/bin/lint-imports

tests: $(STAMP)  ## Run the tests with branch coverage.
	.venv/bin/pytest --numprocesses auto --dist loadgroup --cov --cov-report=term

format: $(STAMP)  ## Format the code, and mend what can be mended safely.
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

docs: $(STAMP)  ## Write docs/commands.md anew from the help of the commands.
	.venv/bin/python -m tests.help_texts > docs/commands.md

# pip-compile reads no dependency groups, so it gets ours on standard input. Made with the oldest
# Python that is supported, the lock holds for newer ones too: it installs what all of them can run.
lock: $(STAMP)  ## Resolve the dependencies again and write tests/requirements.txt.
	@.venv/bin/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["project"]["dependencies"], *p["dependency-groups"]["dev"], *p["build-system"]["requires"], "editables", sep="\n")' | \
	    CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --upgrade --generate-hashes \
	        --allow-unsafe --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links \
	        --no-emit-trusted-host --output-file $(LOCK) -

servers: $(STAMP)  ## Build the real servers that tests run; needs a JDK 17, Maven and Go.
	.venv/bin/python -m tests.servers

bench: $(STAMP)  ## Measure the speed.
	.venv/bin/python -m tests.bench

bench-elasticsearch: $(STAMP)  ## Measure the rate into a real Elasticsearch; needs what servers needs.
	.venv/bin/python -m tests.bench.elasticsearch

kill: $(STAMP)  ## Kill the service 100 times under load, and count what is lost and doubled.
	.venv/bin/python -m tests.faults.kills

power-cut: $(STAMP)  ## Let the power fail 320 times, and count what is lost and doubled; needs cc.
	.venv/bin/python -m tests.faults.power_cuts

# SOAK_SECONDS=60 for a short one.
soak: $(STAMP)  ## Run the service in a storm for ten minutes, and look at memory and delay.
	.venv/bin/python -m tests.faults.soak --seconds $(SOAK_SECONDS)

# It needs some 12 GB in $TMPDIR for a while.
large-spool: $(STAMP)  ## Start and stop the service with 5 GB and a million dead letters waiting.
	.venv/bin/python -m tests.large_spool

clean:  ## Remove .venv and all that the tools leave behind.
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find examples forwarder plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +
