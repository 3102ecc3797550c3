# make demo    run the first experiment, from nothing to its report
# make test    everything that must pass
# make help    all targets

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
SOURCES := numerics optics records simulators reconstructors validation reports scenarios tests

# An environment whose interpreter is gone is made again: without its stamps and its interpreter it counts as missing.
ifneq ($(shell $(BIN)/python -c "import pip; print(1)" 2>/dev/null),1)
$(shell rm -f $(VENV)/.installed $(VENV)/.installed-dev $(BIN)/python)
endif

export OPENBLAS_NUM_THREADS := 1
export NUMBA_THREADING_LAYER := workqueue

.PHONY: help demo test lint benchmarks clean

help:  ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(VENV)/.installed  ## install, image a labyrinth of domains, write its report
	@$(BIN)/truespin run domain-walls --out runs/demo
	@echo "The report is $(CURDIR)/runs/demo/report.html"

test: lint  ## install what tests need, check the style and the types, run all tests
	$(BIN)/python -m pytest -q -n auto --dist loadfile

lint: $(VENV)/.installed-dev  ## check the style, the types and who imports whom
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmarks: $(VENV)/.installed-dev  ## measure the speed of the hot loops
	TRUESPIN_BENCHMARKS=1 $(BIN)/python -m pytest -q -s tests/benchmarks

clean:  ## remove the environment and everything that was built; runs are kept
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python=$$(.ci/find-python) && echo "Making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV)

# What builds the package comes from the constraints too, hence no isolated build.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing truespin into $(VENV)"
	@$(PIP) setuptools
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing truespin and its development tools into $(VENV)"
	@$(PIP) setuptools
	@$(PIP) --no-build-isolation -e ".[dev]"
	@touch $@ $(VENV)/.installed
