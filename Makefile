# Needs make and Python 3.11 or newer with venv. Everything else is installed into .venv.

PYTHON ?= python3
# Exact versions with hashes: what the program needs, and that with all tools.
PROGRAM_LOCK := requirements.txt
LOCK := tests/requirements.txt
FUZZ_LOCK := tests/fuzz/requirements.txt
PROGRAM := .venv/.program
STAMP := .venv/.installed
SOAK_SECONDS ?= 600
SYSLOG_SOAK_SECONDS ?= 60
FUZZ_SECONDS ?= 300

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help .venv demo deb test check lint types imports tests format docs status-picture rules \
    dashboards preview alerts lock servers bench bench-elasticsearch space kill power-cut soak syslog-soak \
    fuzz large-spool clean

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' Makefile

.venv: $(STAMP)  ## Install the program and the development tools into .venv.

# Stamp files, because the date of the folder does not say that an install was completed.
# Without --no-compile, pip would compile thousands of modules that are never imported.
PIP_INSTALL := .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile

$(PROGRAM): $(PROGRAM_LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed, and $(PYTHON) is older;" \
	        "name another one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing the program into .venv ..." >&2
	@$(PYTHON) -m venv .venv
	@$(PIP_INSTALL) --require-hashes -r $(PROGRAM_LOCK)
	@$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

$(STAMP): $(LOCK) $(PROGRAM)
	@echo "Installing the development tools into .venv; the first time takes a minute or two ..." >&2
	@$(PIP_INSTALL) --require-hashes -r $(LOCK)
	@touch $@

demo: $(PROGRAM)  ## Show the logins in the sample logs; installs only the program.
	@.venv/bin/esa-forwarder parse --format table examples/mail_logs

deb: $(PROGRAM)  ## Build a package for this Debian and its Python in dist/.
	@examples/packaging/build-deb dist

test: lint types imports tests  ## Run every check and every test, with branch coverage.

check: $(STAMP)  ## The quick checks, under 3 minutes: no servers, kills or long searches.
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --quiet --check
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-logo
	.venv/bin/pytest --quiet --numprocesses auto --dist loadgroup --exitfirst -m "not slow" \
	    --hypothesis-profile quick

lint: $(STAMP)  ## Check style and formatting.
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: $(STAMP)  ## Check the types.
	.venv/bin/mypy

imports: $(STAMP)  ## Check that imports follow the flow and the core is pure.
	.venv/bin/lint-imports

tests: $(STAMP)  ## Run the tests with branch coverage.
	.venv/bin/pytest --numprocesses auto --dist loadgroup --cov --cov-report=term

format: $(STAMP)  ## Format the code, and apply the safe fixes of the linter.
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

docs: $(STAMP)  ## Regenerate docs/, the man page and shell completions.
	.venv/bin/python -m tests.help_texts > docs/commands.md
	.venv/bin/python -m tests.output_settings docs/outputs.md
	.venv/bin/python -m tests.metrics_table docs/monitoring.md
	.venv/bin/python -m tests.shell_files examples/packaging/share

report-picture: $(STAMP)  ## Draw the report for the documentation; needs chromium and pngquant.
	PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python -m tests.report_picture

status-picture: $(STAMP)  ## Draw the status page for the documentation; needs chromium and pngquant.
	.venv/bin/python -m tests.status_picture

rules: $(STAMP)  ## Generate the detection rules and their documentation.
	.venv/bin/python -m tests.detection.making

dashboards: $(STAMP)  ## Generate the dashboards and searches for Kibana, and their documentation.
	.venv/bin/python -m tests.dashboards.making

# The pictures need Debian's chromium and pngquant.
preview: $(STAMP)  ## Draw the Kibana pages for the documentation, with the simulated company.
	.venv/bin/python -m tests.dashboards.preview

alerts: $(STAMP)  ## Count the rules' alerts on ten days of the simulated company; takes 15 minutes.
	.venv/bin/python -m tests.detection.measuring

# pip-compile does not read dependency groups, so it gets ours on standard input. A lock that was
# made with the oldest supported Python holds for newer ones, too.
REQUIREMENTS = .venv/bin/python -c 'import sys, tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["project"]["dependencies"], *p["build-system"]["requires"], "editables", *[x for group in sys.argv[1:] for x in p["dependency-groups"][group]], sep="\n")'
PIP_COMPILE := CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --generate-hashes \
    --allow-unsafe --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links \
    --no-emit-trusted-host

lock: $(STAMP)  ## Resolve the dependencies again and write the lock files.
	@$(REQUIREMENTS) dev | $(PIP_COMPILE) --upgrade --output-file $(LOCK) -
	@echo 'atheris>=3.0' | $(PIP_COMPILE) --upgrade --output-file $(FUZZ_LOCK) -
	@$(REQUIREMENTS) | $(PIP_COMPILE) --upgrade --constraint $(LOCK) --output-file $(PROGRAM_LOCK) -

servers: $(STAMP)  ## Build the servers that tests run; needs JDK 17, Maven, Go and apt.
	.venv/bin/python -m tests.servers

# AGAINST=/path/to/esa-forwarder of an earlier version, to measure both at once.
bench: $(STAMP)  ## Measure the speed.
	.venv/bin/python -m tests.bench $(if $(AGAINST),--against=$(AGAINST))

bench-elasticsearch: $(STAMP)  ## Measure the rate into Elasticsearch; needs JDK 17 and Maven.
	.venv/bin/python -m tests.bench.elasticsearch

space: $(STAMP)  ## Measure bytes per login in Elasticsearch, and write them to docs/outputs.md.
	.venv/bin/python -m tests.bench.elasticsearch.space

kill: $(STAMP)  ## Kill the service 100 times under load; count losses and duplicates.
	.venv/bin/python -m tests.faults.kills

power-cut: $(STAMP)  ## Simulate 320 power cuts; count losses and duplicates; needs cc.
	.venv/bin/python -m tests.faults.power_cuts

# SOAK_SECONDS=60 for a short one.
soak: $(STAMP)  ## Run the service under load for ten minutes; watch memory and delay.
	.venv/bin/python -m tests.faults.soak --seconds $(SOAK_SECONDS)

# SYSLOG_SOAK_SECONDS=6 for a short one.
syslog-soak: $(STAMP)  ## Receive syslog from a fleet and hostile senders; takes 5 minutes.
	.venv/bin/python -m tests.faults.syslog_soak --seconds $(SYSLOG_SOAK_SECONDS)

# FUZZ_SECONDS=30 for a short one.
fuzz: $(STAMP)  ## Search for bytes that break framing or grammar; takes 10 minutes.
	@$(PIP_INSTALL) --require-hashes --only-binary :all: -r $(FUZZ_LOCK)
	.venv/bin/python -m tests.fuzz log -max_len=3000 -max_total_time=$(FUZZ_SECONDS)
	.venv/bin/python -m tests.fuzz stream -max_len=300 -max_total_time=$(FUZZ_SECONDS)

# Needs some 12 GB in $TMPDIR.
large-spool: $(STAMP)  ## Start and stop the service with 5 GB and a million dead letters waiting.
	.venv/bin/python -m tests.large_spool

clean:  ## Remove .venv, caches and build results.
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find examples forwarder plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +
