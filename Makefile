# One command for each habit; `make` or `make help` lists them.
PYTHON ?= python3.11
VENV ?= .venv
SITE ?= build/site
BIN := $(VENV)/bin
# If it is set, each process that a test starts compiles all modules again.
export PYTHONDONTWRITEBYTECODE :=
# What compiling takes and gives back again and again stays with the process: a twentieth of the time of all tests (glibc).
KEEP_MEMORY := MALLOC_TRIM_THRESHOLD_=2000000000 MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TOP_PAD_=67108864

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast soak lint types imports docs site pictures generated golden wheels container bench bench-quick \
  sizes clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

$(BIN)/batchwright: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/batchwright
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/batchwright
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(VENV)/.build: pyproject.toml | $(BIN)/batchwright
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build pipx py-rattler-build uv
	@touch $@

setup: $(BIN)/batchwright  ## make the virtual environment and install batchwright in it

demo: $(BIN)/batchwright  ## train on the embedded digits: accounting, progress, test accuracy, a run folder
	$(BIN)/batchwright train digits

test: $(VENV)/.test  ## run all tests
	$(KEEP_MEMORY) $(BIN)/python -m pytest --numprocesses auto --dist loadfile -m 'not soak'

test-fast: $(VENV)/.test  ## run the tests that take no training of seconds
	$(BIN)/python -m pytest -m 'not slow and not soak' -x

soak: $(VENV)/.test  ## try what has to be exact with all optimizations, damage 14,000 files, and kill and resume runs 400 times (an hour)
	XLA_FLAGS= $(BIN)/python -m pytest tests/training tests/population tests/search/test_trials.py --numprocesses 2
	$(BIN)/python -m pytest -m soak --numprocesses 2
	BATCHWRIGHT_SOAK_FILES=1000 $(BIN)/python -m pytest tests/data/test_formats.py -k "damaged or parquet" --numprocesses 2
	BATCHWRIGHT_SOAK_KILLS=200 $(BIN)/python -m pytest tests/soak --numprocesses 2 -rP

lint: $(VENV)/.test  ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test  ## check the types, strictly
	$(BIN)/mypy

imports: $(VENV)/.test  ## check that each layer imports only what is below it
	$(BIN)/lint-imports

docs: $(VENV)/.docs  ## build the documentation in site/, with the reference and the notebooks, which are run
	$(BIN)/mkdocs build --strict

site: $(VENV)/.docs  ## add the documentation of this version to a site with all versions, SITE=FOLDER
	$(BIN)/python tools/versions.py $(SITE)

generated: $(BIN)/batchwright  ## write the man page, and the keys that a shell completes, again from the code
	$(BIN)/python tools/generated.py

golden: $(BIN)/batchwright  ## make the runs of this version that later ones have to open, before it is released
	$(BIN)/python tools/golden.py

wheels: $(VENV)/.build  ## build wheel and sdist, and try them with every Python, uv and pipx that is here
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tools/wheels.py

container:  ## build the image of the Dockerfile without Docker, and try it (as root; needs debootstrap and buildah)
	$(PYTHON) tools/container.py

pictures: $(BIN)/batchwright  ## draw the pictures of the documentation again, from short trainings on embedded data
	$(BIN)/python tools/pictures.py

bench: $(BIN)/batchwright  ## measure side by side with PyTorch, Keras and scikit-learn (takes about half an hour)
	$(PYTHON) benchmarks/run.py

bench-quick: $(VENV)/.test  ## compare the speed with the last release, or with a commit, AGAINST=REV (takes about five minutes)
	$(BIN)/python benchmarks/quick.py $(if $(AGAINST),--against $(AGAINST))

sizes:  ## print the longest files and functions
	@$(PYTHON) tools/sizes.py

clean:  ## remove what was built
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache
