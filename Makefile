# The two commands of the README, and what a developer needs beside them. Everything lives in .venv.
PYTHON ?= python3
BIN := .venv/bin
# Threads of BLAS fight XLA's on a machine of few cores: the suite takes 7 s more with them.
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo test fix docs check bench clean

setup: .venv/.installed

.venv/bin/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"

.venv/.installed: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --editable ".[samples]"
	@touch $@

.venv/.tested: pyproject.toml .venv/.installed
	$(BIN)/pip install --quiet --group dev
	@touch $@

demo: .venv/.installed ## the main job on real data
	$(BIN)/wattcast demo

test: .venv/.tested ## everything that must hold
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --quiet --numprocesses 2 --dist loadfile --no-loadscope-reorder

fix: .venv/.tested ## repair what a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.tested ## the pages, into build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/.tested ## every benchmark, a small table each
	set -e; for script in benchmarks/*.py; do $(BIN)/python $$script; done

clean:
	rm -rf .venv build wattcast-report
