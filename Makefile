# "make check" is the gate before every commit.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_NEEDS := filelock fsspec jinja2 networkx "setuptools>=77.0.3" "sympy>=1.13.3" typing-extensions

.PHONY: setup format check test-all faults coverage mutants lock audit

setup:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt  # torch

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

# Lines and branches of rife_arch and vfi, of the fast tests, in one process.
coverage:
	$(BIN)/python -m coverage run -m pytest -m "not slow and not faults"
	$(BIN)/python -m coverage report

# docs/testing.md says which modules, and lists the survivors. Half an hour.
mutants:
	$(BIN)/pip install --quiet mutmut==3.8.1
	$(BIN)/mutmut run
	$(BIN)/mutmut results

# After a change of requirements; torch has no hashes here (docs/decisions/0019).
lock:
	$(BIN)/pip install --quiet uv==0.13.9
	(grep -v '^torch' requirements-dev.txt; printf '%s\n' $(TORCH_NEEDS)) | $(BIN)/uv pip compile - \
		--universal --python-version 3.10 --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock

audit:
	$(BIN)/pip install --quiet pip-audit==2.10.1
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements-dev.lock
