# Everything a newcomer or a build machine runs. Needs git, make and Python 3.11 or newer; the rest
# (a virtual environment, a container engine, images) is made on first use, and only once.
#
#   make PYTHON=python3.12 test    to choose the interpreter
#   make VENV=/somewhere test      to keep the virtual environment elsewhere
#   make ARGS='-k whisper' test    to hand words on to pytest, the demo, SIPp or the benchmark

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
ARGS ?=
# Three at a time, each module in one process: tests with a switch wait for most of their time.
BESIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
export PYTHONUNBUFFERED := 1

.PHONY: help demo up down test test-full sipp lint bench lock venv engine images clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: venv engine ## play the main job with real SIP phones on a real Asterisk, and check what each hears
	@docker/build.sh asterisk
	@$(PY) -m tests.demo $(ARGS)

up: engine ## run the sample contact centre in containers
	@docker/up.sh

down: ## stop it; its state stays
	@docker/compose.sh down

test: lint images ## check everything but the slow storms and soaks
	@$(PY) -m pytest $(BESIDE) -m 'not full' $(ARGS)

test-full: lint images ## check everything; loads and soaks alone, after the rest
	@QUEUEBACK_FULL=1 $(PY) -m pytest $(BESIDE) -m 'not full' $(ARGS)
	@QUEUEBACK_FULL=1 $(PY) -m pytest -m full $(ARGS)

sipp: images ## put load on the number-entry flow
	@$(PY) -m tests.sipp $(ARGS)

bench: images ## compare with plain dialplan; writes build/bench.json
	@$(PY) -m tests.benchmarks $(ARGS)

lint: venv ## format, rules, types, floors
	@echo 'lint: ruff, mypy, import-linter'
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

lock: venv ## choose anew the versions of requirements.lock
	@$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
	    --generate-hashes --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml

venv: $(READY)

# A virtual environment of the system's Python, filled by uv with exactly what requirements.lock says.
$(READY): requirements.lock pyproject.toml
	@.ci/venv '$(VENV)' '$(PYTHON)'
	@touch '$@'

engine:
	@docker/engine.sh

images: venv engine
	@docker/build.sh asterisk tools

clean: ## forget the virtual environment and everything built here, images excepted
	rm -rf '$(VENV)' build
