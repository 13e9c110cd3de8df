# Every target sets up what it needs: Python 3.11, pip, git and make are enough. `make demo` and `make test` are the
# two to know. The environment is ready when the stamp of this very lock file is there, whatever the files' dates.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
READY := $(VENV)/.ready-$(shell cat requirements.lock pyproject.toml | git hash-object --stdin)
UV_VENV := .venv-uv
export PYTHONDONTWRITEBYTECODE :=
export UV_LINK_MODE := copy
# threads that wait sleep: with busy waiting, two trainings at a time on two cores take far longer than one after the other
export OMP_WAIT_POLICY := passive
# DVC's stages say `python`, as they must work in any activated environment: here it is this one.
export PATH := $(BIN):$(PATH)

.PHONY: help demo test check unit bench up down lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    simulate Ulsan, ingest, train, release, score, report (5 minutes on two quiet cores)"
	@echo "make test    every check and test"
	@echo "make check   format, lint, types and import direction only"
	@echo "make bench   every benchmark; make bench-NAME runs benchmarks/NAME.py"
	@echo "make up      the whole platform, until Ctrl-C or make down: docs/operating.md"
	@echo "make lock    resolve requirements.lock anew"

# uv from the PATH, or else from a small environment of its own: `pip install --user` fails within a virtual
# environment and on a Python that the system manages.
$(READY): requirements.lock pyproject.toml
	@set -e; UV="$$(command -v uv || true)"; \
	if [ -z "$$UV" ] || ! "$$UV" --version >/dev/null 2>&1; then \
	    [ -x $(UV_VENV)/bin/uv ] || { $(PYTHON) -m venv $(UV_VENV) && $(UV_VENV)/bin/python -m pip install --quiet uv; }; \
	    UV=$(UV_VENV)/bin/uv; \
	fi; \
	echo "setting up $(VENV) ..."; \
	"$$UV" venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV); \
	VIRTUAL_ENV=$(VENV) "$$UV" pip sync --quiet --require-hashes --compile-bytecode requirements.lock; \
	VIRTUAL_ENV=$(VENV) "$$UV" pip install --quiet --no-deps --no-build-isolation --editable .; \
	rm -f $(VENV)/.ready-*
	@touch $@

demo: $(READY)
	@$(BIN)/foresafe demo

# A file's tests share one worker; long files come first: tests/conftest.py.
test: check
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

unit: $(READY)
	@$(BIN)/python -m pytest -m "not slow" tests/unit

bench: $(READY)
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python -m benchmarks.$$(basename $$script .py); done

bench-%: $(READY)
	@$(BIN)/python -m benchmarks.$*

up: $(READY)
	@$(BIN)/foresafe up

down: $(READY)
	@$(BIN)/foresafe down

lock:
	@uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
	    --custom-compile-command 'make lock' pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) $(UV_VENV) var
