.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: help install demo test search check lock bench bench-small peers quality docs clean

help:  ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed  ## make .venv with everything pinned in requirements-dev.lock

$(VENV)/installed: pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## real groceries: check, train, score, explain one customer (results in demo/)
	@$(BIN)/lapse demo groceries $(DEMO)
	@$(BIN)/lapse check $(DEMO)/groceries.yaml
	@$(BIN)/lapse train $(DEMO)/groceries.yaml
	@$(BIN)/lapse score $(DEMO)/groceries.yaml --as-of 2017-12-31
	@$(BIN)/lapse explain $(DEMO)/groceries.yaml --as-of 2017-12-31

test: install  ## the whole test suite, the same examples every time
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -q --hypothesis-profile=ci  # two workers share two cores

search: install  ## the tests of properties alone, on other examples every time
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -q -m hypothesis

check: install  ## format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: install  ## resolve requirements-dev.lock anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --extra dev --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --output-file requirements-dev.lock

bench: peers  ## speed beside the peers: benchmarks/speed.json and docs/benchmarks.md, an hour or more
	@$(BIN)/python benchmarks/speed.py

bench-small: peers  ## the same on little data in a few minutes, written to a temporary file
	@$(BIN)/python benchmarks/speed.py --small

quality: install  ## how good the probabilities are beside the yardsticks: benchmarks/quality.json
	@$(BIN)/python -m benchmarks.quality

peers: install  ## install what the benchmarks compare with
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --editable ".[bench]"

docs: install  ## draw docs/rule.svg anew
	@$(BIN)/python docs/rule.py

clean:  ## remove what make makes
	rm -rf $(VENV) $(DEMO) out mlflow.db mlruns .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
