# What a person runs here: `make demo` to see it work, `make test` to know that it does.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# Where the system's own Python lies, asked after every name on PATH.
SYSTEM_BIN ?= /usr/bin
# The virtual cameras of the demo. Installed without its dependencies: it asks for opencv-python, whose Qt build needs
# libraries that a server lacks; pyproject.toml's `demo` brings opencv-python-headless in its place.
VIRTUAL_CAMERAS := ipycam>=1.3,<2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGES := holdshelf_core holdshelf_onvif holdshelf_storage holdshelf_tui
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help setup demo test-deps check test bench soak clean print-python

help:
	@echo "make setup      .venv with Holdshelf and everything it needs"
	@echo "make demo       virtual cameras, recorded, and the Director's screens; needs no root, touches no network"
	@echo "                (make demo ARGS='--seconds 30 --json')"
	@echo "make test       all tests, except the long ones; brings the system packages they need (make test-deps)"
	@echo "make check      style, types, who may import whom, layout"
	@echo "make bench      speed, side by side with the peers"
	@echo "make soak       the long campaigns"
	@echo "make clean      remove .venv and caches"

# A .venv that was made for another folder (the checkout was moved: its scripts name the old one), or whose Python no
# longer runs (the system's was upgraded), counts as none.
setup:
	@if [ -e $(STAMP) ] && { [ "$$(cat $(STAMP))" != "$(CURDIR)" ] || ! $(BIN)/python -c '' 2>/dev/null; }; then \
	    rm -rf $(VENV); \
	fi
	@$(MAKE) -s $(STAMP)

$(STAMP): pyproject.toml Makefile scripts/find-python.sh
	@python=$$($(SHELL) scripts/find-python.sh "$(SYSTEM_BIN)") || exit 1; \
	rm -f $(STAMP); \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing Holdshelf and its parts into $(VENV) (a minute or two the first time)"
	@$(PIP) install --quiet --editable '.[demo,dev]'
	@$(PIP) install --quiet --no-deps '$(VIRTUAL_CAMERAS)'
	@echo "$(CURDIR)" > $(STAMP)

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

# Most tests wait for a stream, a disk or a clock: four at a time, each file in one process, the longest first (tests/order.py).
test: test-deps setup
	$(BIN)/python -m pytest -m "not soak" -n 4 --dist loadfile --no-loadscope-reorder

soak: test-deps setup
	$(BIN)/python -m pytest -m soak

# Each script measures ours beside a peer and says whether its bars hold; all run even when one misses a bar.
bench: test-deps setup
	@missed=; for script in bench/*.py; do \
	    [ -e "$$script" ] || continue; \
	    echo "== $$script"; \
	    $(BIN)/python "$$script" --bars || missed="$$missed $$script"; \
	done; \
	if [ -n "$$missed" ]; then echo "Bars missed:$$missed" >&2; exit 1; fi

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .rig-cache .coverage
	find core onvif storage tui tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
