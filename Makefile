# `make demo` runs the main job, `make test` everything that is checked. Both create and reuse .venv.
PYTHON ?= python3
BIN := .venv/bin
LIGHT_BIN := .venv-light/bin
OUT ?= demo_out

.PHONY: demo test env bench lint types test-full test-light clean

demo: .venv/.ready
	$(BIN)/her2 demo --out $(OUT)

test: lint types test-light test-full

env: .venv/.ready

bench: .venv/.ready
	$(BIN)/her2 bench

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready
	$(BIN)/mypy

test-light: .venv-light/.ready
	$(LIGHT_BIN)/python -m pytest -q -m light -p no:cacheprovider

test-full: .venv/.ready
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

.venv/.ready: setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ".[server,dev]"
	touch $@

.venv-light/.ready: setup.py constraints-light.txt
	test -x $(LIGHT_BIN)/python || $(PYTHON) -m venv .venv-light
	$(LIGHT_BIN)/pip install --disable-pip-version-check -q -c constraints-light.txt -e ".[light-test]"
	touch $@

clean:
	rm -rf .venv .venv-light $(OUT)
