# Two commands are enough to begin with: make demo, make test.

PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
RUN = .venv/bin/python

# Tests run side by side: REBOND_TEST_JOBS=1 make test runs them one after the other.
REBOND_TEST_JOBS ?= $(shell cores=$$(nproc 2>/dev/null || echo 1); echo $$((cores > 4 ? 4 : cores)))
SIDE_BY_SIDE = $(if $(filter-out 0 1,$(REBOND_TEST_JOBS)),-n $(REBOND_TEST_JOBS) --dist worksteal)

# Where this is set, each of the thousands of programs that the tests start compiles all its modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test lint bench torture docs lock environment clean

help:
	@echo 'make demo     a small application is backed up, lost, restored and compared (about a minute)'
	@echo 'make test     lint, layers, types and every test'
	@echo 'make lint     the first three of these'
	@echo 'make bench    Rebond beside every other backup program that is installed'
	@echo 'make torture  known bugs put back, kills, power cuts, rot, races: about 20 minutes'
	@echo 'make docs     prints the reference pages anew'
	@echo 'make lock     pins the newest releases of every dependency'

environment:
	@test -n "$(PYTHON)" || { echo 'Rebond needs Python 3.11 or newer: apt-get install python3' >&2; exit 1; }
	@$(PYTHON) tools/environment.py

demo: environment
	@$(RUN) -m demo.run

test: lint
	$(RUN) -m pytest $(SIDE_BY_SIDE)

lint: environment
	$(RUN) -m ruff check -q .
	$(RUN) -m ruff format -q --check .
	.venv/bin/lint-imports --no-logo
	$(RUN) -m mypy

bench: environment
	$(RUN) -m bench

torture: environment
	$(RUN) -m tests.torture

docs: environment
	$(RUN) tools/print_reference.py

lock: environment
	$(RUN) tools/pin.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .demo dist build
