# Every task of the project; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CARE := $(BIN)/python -m orchestration
SEED ?= 20150520
LOCKS := lock-dev lock-spark lock-postgres
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation
RESOLVE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-header --no-build-isolation pyproject.toml
# They hold four fifths of what a night imports; the rest is compiled at its first use. All the
# 9,000 files take three times as long.
COMPILED := altair dagster dbt great_expectations networkx numpy pandas pydantic scipy sqlalchemy
# Set on some machines; every start would then compile its imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo nightly watch release check-sender ui test reliability lint bench parity spark study docs clean lock lock-run $(LOCKS)

help: ## list these tasks
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run ## make .venv from the hashed lock (needs python3.11, pip and a package index)

# Without pip inside: to put it there takes longer than the packages do.
$(VENV)/.run: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-compile "uv>=0.9,<1"
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --editable .
	$(BIN)/python -m compileall -q -j 0 -x '/(tests?|testing)/' \
	    $(COMPILED:%=$(VENV)/lib/python3.11/site-packages/%)
	@touch $@

# $(VENV)/.dev, $(VENV)/.spark, $(VENV)/.postgres: what an extra of pyproject.toml adds.
$(VENV)/.%: requirements-%.lock $(VENV)/.run
	$(INSTALL) --require-hashes -r $<
	@touch $@

# dbt reads its project while the extracts are written; if it cannot, the night says why.
demo: setup ## simulate five programs at true size, run the night, print the results
	$(CARE) manifest & $(CARE) simulate --seed $(SEED) && wait
	$(CARE) nightly
	$(CARE) report

nightly: setup ## take what was dropped, rebuild, check, publish (one process, no daemon needed)
	$(CARE) nightly

watch: setup ## verify the publication and tell of silence (CARE_ALERT_WEBHOOK); for cron
	$(CARE) watch

# What is told on the command line reaches a recipe as a variable of the shell, never as its text.
release: setup ## let a quarantined delivery be loaded (DELIVERY=<id> REASON="who confirmed what")
	$(CARE) release "$$DELIVERY" --reason "$$REASON"

check-sender: setup ## explain what a file would do before it is dropped (SENDER=<id> FILE=<path>)
	$(CARE) check-sender "$$SENDER" "$$FILE" $${FEED:+--feed "$$FEED"}

ui: setup ## open the Dagster UI on http://127.0.0.1:3000
	$(CARE) ui

test: $(VENV)/.dev ## run every test but those of `make reliability`
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not by_force" --durations 40

reliability: $(VENV)/.dev ## nights killed, starved, broken and overtaken by force (docs/faults.md)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m by_force

lint: $(VENV)/.dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup ## time first load and one new month (SCALE="10k 100k 1m"; 10k 40k if left out)
	$(CARE) bench $(SCALE:%=--scale %)

parity: $(VENV)/.spark ## run one small night on DuckDB and on Spark and compare every table (Java 17)
	$(CARE) parity

spark: $(VENV)/.spark ## add Spark to the environment, for CARE_ENGINE=spark (needs Java 17)

study: setup ## draw simulated worlds and write docs/study.md (WORLDS=4000 a cell; PIPELINES=50 demos)
	$(CARE) study $(WORLDS:%=--worlds %) $(PIPELINES:%=--pipelines %)

docs: setup ## build dbt's documentation site under data/warehouse/dbt_target
	$(CARE) docs

lock: $(LOCKS) ## resolve pyproject.toml into the hashed locks (maintainers)

lock-run: $(VENV)/.run
	$(RESOLVE) --output-file requirements.lock

# Each constrained by what may be installed beside it, so that one environment can hold all extras.
lock-dev: BESIDE := requirements.lock
lock-dev: lock-run
lock-spark lock-postgres: BESIDE := requirements-dev.lock
lock-spark lock-postgres: lock-dev
$(LOCKS): lock-%:
	$(RESOLVE) --extra $* --constraints $(BESIDE) --output-file requirements-$*.lock

clean: ## remove everything the pipeline wrote, and the environment
	rm -rf $(VENV) data/ledger data/warehouse data/published data/simulated_truth test-output
	find data/landing -mindepth 1 ! -name README.md -delete
