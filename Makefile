# Two commands do all the set-up: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test soak container check mutants night format lock bench bench-nightly clean

help: ## list what this file can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(STAMP) ## make .venv (with .venv/bin/bridge in it) from the hashed lock

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bridge needs Python 3.11 or newer; found $$($(PYTHON) --version). Next: make install PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing. Next: apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## the main job, whole, on the embedded sandbox and SQLite
	$(BIN)/bridge demo

test: install ## install what the tests need and run every one
	@scripts/prepare-tests
	$(BIN)/python -m pytest -n 3 --dist worksteal --cov=bridge --cov-branch --cov-report=term:skip-covered

soak: install ## a simulated year unattended, in the sandbox; prints its counts
	BRIDGE_TEST_SOAK_WEEKS=52 $(BIN)/python -m pytest -q tests/e2e/test_soak.py

container: ## build the image twice and try it, and hold deploy/ against its formats (as root on Debian)
	scripts/check-deploy
	timeout 900 scripts/container

check: install ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

mutants: install ## change the core and the verbs in small ways and print what no test notices (hours; docs/mutation.md)
	nice -n 15 $(BIN)/python scripts/mutate

night: install ## an hour of made-up stories over the whole engine, and a death at every request in PostgreSQL
	HYPOTHESIS_PROFILE=night nice -n 19 $(BIN)/python -m pytest -s tests/e2e/test_killed.py tests/service/test_machine.py

format: install ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## renew the hashed locks (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header benchmarks/peers.in -o benchmarks/peers.lock

PEERS := benchmarks/.venv/.installed

$(PEERS): benchmarks/peers.lock
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers.lock
	@touch $@

bench: install $(PEERS) ## measure calls, pace, processor time, memory, state, start-up and growth beside other tools; SIZE=--quick|--large, ONLY="engine similar"
	$(BIN)/python -m benchmarks --peers benchmarks/.venv/bin/python $(SIZE) $(if $(ONLY),--only $(ONLY))

bench-nightly: install $(PEERS) ## the same, but only compare with the stored run; fails if a ratio got worse beyond noise
	$(BIN)/python -m benchmarks --peers benchmarks/.venv/bin/python --nightly $(SIZE)

clean: ## remove what the build made
	rm -rf $(VENV) benchmarks/.venv .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage demo
