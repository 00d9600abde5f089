# make demo   a real call in each direction, shown
# make test   linters and all suites, live ones included
# make up     the same as the demo, kept up for hand use
# make conformance  writes the pages of docs/ that are made of tests and examples
# make bench  calls a second, side by side with pure dialplan and the smallest ARI script
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
TOOLS := python3 asterisk-conf/launcher tools
# Where the launcher's espeak-ng, sipp and prometheus are, when the system has none
WITH_TOOLS = PATH="$$($(TOOLS) | python3 -c 'import json, sys; print(json.load(sys.stdin)["bin"])'):$$PATH"

.PHONY: demo test lint unit live conformance bench up venv tools prometheus clean

demo: venv tools
	$(WITH_TOOLS) $(BIN)/python -m examples.demo

up: venv tools
	$(WITH_TOOLS) $(BIN)/python -m examples.demo --stay

test: lint unit live

venv:
	@.ci/venv $(VENV)

tools:
	@$(TOOLS) >/dev/null

prometheus:
	@$(TOOLS) --only prometheus promtool >/dev/null

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=asterisk-conf $(BIN)/mypy --strict --explicit-package-bases -p launcher
	$(BIN)/lint-imports

unit: venv tools
	$(WITH_TOOLS) timeout 900 $(PYTEST) tests/unit tests/contract tests/test_house.py tests/test_containers.py \
		tests/test_conformance.py

live: venv tools prometheus
	$(WITH_TOOLS) timeout 1500 $(PYTEST) tests/live

conformance: venv
	$(BIN)/python -m tests.conformance

bench: venv tools
	$(WITH_TOOLS) $(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
