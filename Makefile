# Every task of the project; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CARE := $(BIN)/python -m orchestration
SEED ?= 20150520

.PHONY: help setup demo nightly ui test lint bench parity docs clean lock

help: ## list these tasks
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.complete ## make .venv from the hashed lock (needs python3.11, pip and a package index)

$(VENV)/.complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet "uv>=0.9,<1"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## simulate five programs at true size, run the night, print the results
	$(CARE) simulate --seed $(SEED)
	$(CARE) nightly
	$(CARE) report

nightly: setup ## take what was dropped, rebuild, check, publish (one process, no daemon needed)
	$(CARE) nightly

ui: setup ## open the Dagster UI on http://127.0.0.1:3000
	$(CARE) ui

test: setup ## run every test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup ## time the stages at two scales (BENCH_MEMBERS="10000 40000")
	$(CARE) bench $(if $(BENCH_MEMBERS),$(foreach m,$(BENCH_MEMBERS),--members $(m)))

parity: setup ## compare DuckDB with Spark, table by table (arrives with the second engine)
	@echo "parity: the Spark target does not exist yet; DuckDB is the only engine. See docs/adr." >&2; exit 1

docs: setup ## build dbt's documentation site under data/warehouse/dbt_target
	$(CARE) docs

lock: ## resolve pyproject.toml anew into requirements.lock (maintainers)
	$(BIN)/uv pip compile --quiet --extra dev --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-header --output-file requirements.lock pyproject.toml

clean: ## remove everything the pipeline wrote, and the environment
	rm -rf $(VENV) data/ledger data/warehouse data/published data/simulated_truth test-output
	find data/landing -mindepth 1 ! -name README.md -delete
