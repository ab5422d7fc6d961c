# What a person runs here: `make demo` to see it work, `make test` to know that it does.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# Where the system's own Python lies, asked after every name on PATH.
SYSTEM_BIN ?= /usr/bin
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOWEST := .venv-lowest
LOCKS := requirements/runtime.lock requirements/apprise.lock requirements/s3.lock requirements/dev.lock requirements/cameras.lock
PACKAGES := holdshelf_core holdshelf_onvif holdshelf_storage holdshelf_tui
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Compiled modules are kept: without them each of the hundreds of programs that the tests start compiles the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup catalogs demo test-deps test-dates terminals test-ha test-s3 check test policy-coverage mutants test-lowest wheel deb test-compiled lock bench soak clean print-python

help:
	@echo "make setup      .venv with Holdshelf and everything it needs"
	@echo "make demo       virtual cameras, recorded, and the Director's screens; needs no root, touches no network"
	@echo "                (make demo ARGS='--seconds 30 --json')"
	@echo "make test       all tests, except the long ones; brings the system packages they need (make test-deps)"
	@echo "                (a part: make test T=tests/core/holds)"
	@echo "make check      style, types, who may import whom, layout"
	@echo "make test-dates  all tests at the turn of a year, on a leap day, at midnight and where clocks change (root)"
	@echo "make policy-coverage  which branches of the rules calls of the product reach; all of them, or it fails"
	@echo "make mutants    changes in the product that no test notices (MUTANTS=100: that many, drawn by MUTANTS_SEED)"
	@echo "make test-lowest  a part of the tests at the lowest versions that pyproject.toml allows"
	@echo "make catalogs   collect what papers say, bring each language's catalog up to it, compile (docs/papers.md)"
	@echo "make wheel      a wheel in dist/ with the recording path compiled (build-essential and python3-dev; COMPILE=0: sources alone)"
	@echo "make deb        a Debian package in dist/, with all libraries in it"
	@echo "make test-compiled  the recorder's tests with that wheel's modules in the place of the sources"
	@echo "make lock       requirements/*.lock anew, from pyproject.toml (with a network)"
	@echo "make bench      speed, side by side with the peers"
	@echo "make soak       the long campaigns"
	@echo "                (two hours alone, or less: HOLDSHELF_SOAK_MINUTES=15 make soak T=tests/scenes/test_two_hours.py)"
	@echo "make terminals  pictures in xterm, kitty and foot on a screen without a monitor; brings those programs"
	@echo "make test-ha    discovery and the integration in a real Home Assistant, in a venv of its own (HA_VENV=FOLDER keeps it)"
	@echo "make test-s3    holds kept elsewhere, in a real Ceph; brings it (S3_SEQUENCES=1000: that many random sequences)"
	@echo "make clean      remove .venv and caches"

# A .venv that was made for another folder (the checkout was moved: its scripts name the old one), or whose Python no
# longer runs (the system's was upgraded), counts as none.
setup:
	@if [ -e $(STAMP) ] && { [ "$$(cat $(STAMP))" != "$(CURDIR)" ] || ! $(BIN)/python -c '' 2>/dev/null; }; then \
	    rm -rf $(VENV); \
	fi
	@$(MAKE) -s $(STAMP)

$(STAMP): pyproject.toml Makefile scripts/find-python.sh $(LOCKS)
	@python=$$($(SHELL) scripts/find-python.sh "$(SYSTEM_BIN)") || exit 1; \
	rm -f $(STAMP); \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing Holdshelf and its parts into $(VENV) (a minute or two the first time)"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements/cameras.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q core onvif storage tui
	@echo "$(CURDIR)" > $(STAMP)

# Versions with the hashes of their files, for every Python that Holdshelf runs on. Where they come from stands in no lock.
LOCK := pip compile --quiet -c requirements/constraints.in --universal --python-version 3.12 --generate-hashes --no-annotate \
    --custom-compile-command 'make lock'

lock: setup
	$(BIN)/uv $(LOCK) pyproject.toml requirements/build.in -o requirements/runtime.lock
	$(BIN)/uv $(LOCK) --extra apprise -c requirements/runtime.lock pyproject.toml requirements/build.in -o requirements/apprise.lock
	$(BIN)/uv $(LOCK) --extra s3 -c requirements/runtime.lock pyproject.toml requirements/build.in -o requirements/s3.lock
	$(BIN)/uv $(LOCK) --extra apprise --extra demo --extra s3 --extra dev -c requirements/apprise.lock -c requirements/s3.lock pyproject.toml requirements/build.in \
	    -o requirements/dev.lock
	$(BIN)/uv $(LOCK) --no-deps requirements/cameras.in -o requirements/cameras.lock
	$(BIN)/uv $(LOCK) requirements/mutants.in -o requirements/mutants.lock

# What the declared lower bounds are good for: every module, and tests that use each library.
LOWEST_TESTS := tests/house/test_requirements.py tests/test_decoding.py tests/core/cameras/test_flows.py tests/core/api/test_api.py \
    tests/core/recorder/worker/test_whep.py tests/core/reports/test_website.py tests/onvif/test_client.py tests/storage/test_register.py \
    tests/tui/ssh/test_coming_in.py tests/tui/papers/test_pdf.py tests/tui/screens/test_today.py \
    tests/tui/widgets/test_half_block.py tests/tui/test_terminal.py

test-lowest: test-deps setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct pyproject.toml --extra apprise --extra demo --extra s3 --extra dev -o $(LOWEST)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --only-binary numpy --only-binary av -r $(LOWEST)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps --editable .
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps -r requirements/cameras.in
	$(LOWEST)/bin/python -m pytest -n 2 $(LOWEST_TESTS)

COMPILE := 1
COMPILED := build/compiled

wheel: setup
	@rm -rf dist
	HOLDSHELF_COMPILE=$(COMPILE) $(BIN)/python -m hatchling build -t wheel

# A Debian package, with libraries that are held against the locks: scripts/deb.sh. DEB_REVISION=+local1 stands behind its version.
DEB_REVISION :=

deb: setup
	@$(SHELL) scripts/test-deps.sh deb-packages.txt
	@$(MAKE) -s wheel COMPILE=$(COMPILE)
	@$(SHELL) scripts/deb.sh $(BIN) $(DEB_REVISION)

test-compiled: test-deps wheel
	rm -rf $(COMPILED)
	$(BIN)/python -m zipfile -e dist/*.whl $(COMPILED)
	PYTHONPATH=$(CURDIR)/$(COMPILED) $(BIN)/python -m pytest -n 2 --dist loadfile $(or $(T),tests/core/recorder tests/core/buffer)

catalogs: setup
	$(BIN)/python scripts/catalogs.py

# Which Python `make setup` would take.
print-python:
	@$(SHELL) scripts/find-python.sh "$(SYSTEM_BIN)"

demo: setup
	@$(BIN)/holdshelf demo $(ARGS)

test-deps:
	@$(SHELL) scripts/test-deps.sh

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES:%=-p %)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/house/test_layout.py

# Most tests wait for a stream, a disk or a clock: six at a time. What failed runs again, alone (ADR 69). Before that, one process
# compiles what the six would each compile (40 CPU s of a fresh clone), and says at once what cannot be collected.
test: test-deps setup
	@$(BIN)/python -m pytest --collect-only -qq $(T) >$(VENV)/collected 2>&1 || { cat $(VENV)/collected; exit 1; }
	$(BIN)/python scripts/run_tests.py --workers 6 $(T)

# All tests under six dates at which calendars and clocks turn (docs/adr/0072), as root: two hours. DATES='2028-02-29T23:50' T=tests/core/people: less.
test-dates: test-deps setup
	@$(SHELL) scripts/test-deps.sh deb-packages.txt
	DATES="$(DATES)" $(SHELL) scripts/test_dates.sh $(BIN)/python $(T)

# A rule that no act, read or command reaches is no rule: each branch of policy/, by calls that do not come from a test.
policy-coverage: setup
	$(BIN)/python scripts/policy_coverage.py

# What tests notice of changes to the rules, the log, holds, segments, releases and keys (docs/adr/0070), with cosmic-ray in a venv of its own.
# MUTANTS=100: so many; MUTANTS_SEED, AREA=log and TESTS=REVISION as in scripts/mutants.py.
MUTANTS := 12
MUTANTS_VENV := .venv-mutants

mutants: test-deps setup
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(MUTANTS_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(MUTANTS_VENV)/bin/python requirements/mutants.lock
	$(MUTANTS_VENV)/bin/python scripts/mutants.py --python $(BIN)/python --sample $(MUTANTS) \
	    $(MUTANTS_SEED:%=--seed %) $(AREA:%=--area %) $(TESTS:%=--tests %)

soak: test-deps setup
	$(BIN)/python -m pytest -m soak $(T)

# Real terminal programs, which the other tests do without: they bring a graphics driver (scripts/terminal-packages.txt).
terminals: test-deps setup
	@$(SHELL) scripts/test-deps.sh terminal-packages.txt
	CI=true $(BIN)/python -m pytest -m soak tests/tui/ssh/test_real_terminals.py

# Home Assistant pins other versions than ours, so it never comes into .venv, nor into this folder.
HA_VENV :=
HA_TESTS := tests/core/alerts/test_home_assistant.py

test-ha: test-deps setup
	@folder="$(HA_VENV)"; \
	if [ -z "$$folder" ]; then folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT || exit 1; fi; \
	if [ ! -x "$$folder/bin/hass" ]; then \
	    echo "Installing Home Assistant into $$folder (900 MB)"; \
	    $(BIN)/uv venv --quiet --allow-existing --no-python-downloads --python '>=3.13.2,<3.14' "$$folder" && \
	    $(BIN)/uv pip install --quiet --python "$$folder/bin/python" -r scripts/home-assistant.txt || exit 1; \
	fi; \
	if ! "$$folder/bin/python" -c 'import coverage' 2>/dev/null; then \
	    $(BIN)/uv pip install --quiet --python "$$folder/bin/python" -r scripts/home-assistant.txt || exit 1; \
	fi; \
	lines=$$(mktemp -d) || exit 1; \
	HOLDSHELF_HOME_ASSISTANT="$$folder" HOLDSHELF_HOME_ASSISTANT_COVERAGE="$$lines" \
	    $(BIN)/python -m pytest -m soak $(HA_TESTS) && \
	( cd contrib/home-assistant && COVERAGE_FILE="$$lines/lines" COVERAGE_RCFILE="$(CURDIR)/scripts/home-assistant-coverage.ini" && \
	  export COVERAGE_FILE COVERAGE_RCFILE && \
	  "$$folder/bin/coverage" combine --quiet && \
	  "$$folder/bin/coverage" report --fail-under=95 && \
	  "$$folder/bin/coverage" report --fail-under=100 --include='*/config_flow.py' >/dev/null ); \
	code=$$?; rm -rf "$$lines"; exit $$code

# Real Ceph, in memory: it enforces what it locks, which nothing smaller does. S3_SEED repeats a run's random sequences.
S3_SEQUENCES := 100
S3_SEED :=

test-s3: test-deps setup
	@$(SHELL) scripts/test-deps.sh s3-packages.txt
	HOLDSHELF_S3=1 HOLDSHELF_S3_SEQUENCES=$(S3_SEQUENCES) HOLDSHELF_S3_SEED=$(S3_SEED) \
	    $(BIN)/python -m pytest -m soak tests/core/offsite

# Each script measures ours beside a peer and says whether its bars hold; all run even when one misses a bar.
bench: test-deps setup
	@for list in s3-packages.txt s3-bench-packages.txt; do $(SHELL) scripts/test-deps.sh "$$list" || exit 1; done
	@missed=; for script in bench/*.py; do \
	    [ -e "$$script" ] || continue; \
	    echo "== $$script"; \
	    $(BIN)/python "$$script" --bars --save || missed="$$missed $$script"; \
	done; \
	$(BIN)/python scripts/benchmarks.py; \
	$(BIN)/python scripts/county_table.py; \
	if [ -n "$$missed" ]; then echo "Bars missed:$$missed" >&2; exit 1; fi

clean:
	rm -rf $(VENV) $(LOWEST) $(MUTANTS_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .rig-cache .coverage
	find core onvif storage tui tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
