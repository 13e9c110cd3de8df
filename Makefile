# Every target sets up what it needs: Python 3.11 and pip are enough. `make demo` and `make test` are the two to know.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONDONTWRITEBYTECODE :=
export UV_LINK_MODE := copy

.PHONY: demo test check bench up down lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    simulate Ulsan, ingest, train, release, score, report (about 4 minutes)"
	@echo "make test    every check and test"
	@echo "make check   format, lint, types and import direction only"
	@echo "make bench   every benchmark; make bench-NAME runs benchmarks/NAME.py"
	@echo "make lock    resolve requirements.lock anew"

$(READY): requirements.lock pyproject.toml
	@command -v uv >/dev/null 2>&1 || $(PYTHON) -m uv --version >/dev/null 2>&1 || $(PYTHON) -m pip install --quiet --user uv
	@UV="$$(command -v uv || echo '$(PYTHON) -m uv')"; \
	$$UV venv --quiet --allow-existing --python 3.11 $(VENV) && \
	VIRTUAL_ENV=$(VENV) $$UV pip sync --quiet --require-hashes --compile-bytecode requirements.lock && \
	VIRTUAL_ENV=$(VENV) $$UV pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/foresafe demo

test: check
	@$(BIN)/python -m pytest

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script; done

bench-%: $(READY)
	@$(BIN)/python benchmarks/$*.py

up: $(READY)
	@$(BIN)/foresafe up

down: $(READY)
	@$(BIN)/foresafe down

lock:
	@uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
	    --custom-compile-command 'make lock' pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) var
