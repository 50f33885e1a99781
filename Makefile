# Everything a person does with a checkout. `make` alone lists it. Written for make 3.81, which macOS still has.

SHELL := /bin/sh
BIN := .venv/bin
SEEDS ?= 500
WORKERS ?= 2
KILLS ?= 200
.DEFAULT_GOAL := help

.PHONY: help install demo up test check format simulate chaos bench-ledger bench-contacts ci-deps lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: ## make .venv and install what requirements.lock says (PYTHON=…, TIDINGS_INSTALLER=pip)
	@sh scripts/install.sh

demo: install ## send the demo campaign through a simulator and print its account
	@$(BIN)/tidings demo

up: install ## start everything a person needs; Ctrl-C stops it cleanly
	@$(BIN)/tidings up

test: install ## run the tests; they need no network and no system package
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

check: install ## lint, format, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

simulate: install ## play SEEDS=500 campaigns in virtual time, with crashes and lost answers
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

chaos: install ## kill senders KILLS=200 times (10 minutes at most), in every phase, and count who was sent twice, lost or hidden
	$(BIN)/python -m tests.chaos.harness --kills $(KILLS)

bench-ledger: install ## measure what the ledger costs, beside a bare loop; writes var/bench/ledger.json
	$(BIN)/python -m benchmarks.ledger

bench-contacts: install ## measure a million messy contacts: to an audience, beside Python's loop, and into the store; writes var/bench/contacts.json (6 minutes)
	$(BIN)/python -m benchmarks.contacts

ci-deps: ## fetch the system and npm packages that some tests can use (Debian, as root)
	@sh scripts/ci_deps.sh

lock: install ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --group dev --all-extras pyproject.toml --output-file requirements.lock

clean: ## remove .venv and caches; var/, with all that was sent, stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tests/peers/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
