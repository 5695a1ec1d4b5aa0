# Everything starts here. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE ?= .state/run
STORAGE ?= file
KILLS ?= 300
SEEDS ?= 2000
FIRST ?= 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install run dev azurite test test-mutations simulate crash lint types imports check bench bench-telemetry requirements schema docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(VENV)/.installed  ## set everything up in .venv

$(VENV)/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Outerloop needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Say which to use: make install PYTHON=python3.12")'
	@echo "Setting up $(VENV) (about a minute) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

run: install  ## play the closed loop of the flight-delay example, and judge it
	$(BIN)/python -m local run --state $(STATE) --storage $(STORAGE)

dev: install  ## the same, and leave it running with its page
	$(BIN)/python -m local dev --state $(STATE) --storage $(STORAGE)

azurite: install  ## install Azurite (npm), so that the tests of the store on Azure storage are not skipped
	$(BIN)/python -m local.azurite install

test: install  ## every test but the mutations and the kills
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not mutation and not crash"

test-mutations: install  ## break the product on purpose; the story has to notice (some minutes)
	$(BIN)/python -m pytest -n 2 -m mutation

simulate: install  ## play thousands of bad days on virtual time, from seeds (SEEDS=2000 FIRST=0)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST)

crash: install  ## kill the host under load, again and again, and compare what is left with a run that nobody disturbed (KILLS=300)
	$(BIN)/python -m local.azurite install
	$(BIN)/python -m tests.crash --kills $(KILLS)

lint: install  ## ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: install  ## mypy, strict
	$(BIN)/mypy

imports: install  ## the import contracts
	$(BIN)/lint-imports

check: lint types imports test  ## what a pull request has to pass

bench: install azurite  ## what decisions and signals cost, and whether that grows; judged by benchmarks/goals.toml (about three minutes)
	$(BIN)/python -m benchmarks

bench-telemetry: install  ## what telemetry costs, from bytes to scores, against floors and peers in environments of their own (about six minutes)
	$(BIN)/python -m benchmarks.telemetry

schema: install  ## write the published schemas and references from the code
	$(BIN)/outerloop schema > docs/policy.schema.json
	$(BIN)/outerloop schema --markdown > docs/policy.md
	$(BIN)/outerloop schema --events > docs/events.schema.json
	$(BIN)/outerloop schema --events --markdown > docs/events.md

docs: schema  ## write every page that is made from the code: also signals, rules, scenarios
	$(BIN)/python -m local.reference

requirements:  ## pin the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q requirements/runtime.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q requirements/dev.in -c requirements.txt -o requirements-dev.txt

clean:  ## remove what was set up and what runs left behind
	rm -rf $(VENV) .state .pytest_cache .mypy_cache .ruff_cache .hypothesis
