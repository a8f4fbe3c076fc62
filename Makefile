# "make check" is the gate before every commit.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: setup format check test-all faults

setup:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements-dev.txt

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -n 2 -m "not slow and not faults"

test-all:
	$(BIN)/python -m pytest -n 2

# Minutes to an hour: the long runs of fuzzing and of injected faults.
faults:
	$(BIN)/python -m pytest -n 2 -m faults
