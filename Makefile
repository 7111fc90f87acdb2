# Everything starts with `make demo` or `make test`: both set up what they need.
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help setup local dev demo serve check lint unit test build synth bench-index proof lock clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make the environment (.venv) with scenesearch in it; again: mend it
	@rm -f .venv/local .venv/dev
	@sh requirements/install.sh local

local: # what people need
	@sh requirements/install.sh local

dev: # what tests need as well
	@sh requirements/install.sh dev

demo: local ## ingest the sample video and ask it three questions
	$(BIN)/scenesearch ingest samples/harbour_day.mp4 --collection samples --title "A day at the harbour"
	$(BIN)/scenesearch search "Where does the red car explode?" --collection samples --limit 2
	$(BIN)/scenesearch search "来年度の予算について話している会議" --collection samples --limit 2
	$(BIN)/scenesearch search "the old dialog box that asks whether to save changes" --collection samples --limit 2

serve: local ## the page and the API on this machine
	$(BIN)/scenesearch serve

check: dev ## lint, format, types, imports, unit tests: under a minute
	@$(MAKE) --no-print-directory -j 2 lint unit

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: dev # a plugin that the unit tests do not use takes a second to load, in every process
	$(BIN)/pytest -q -m "not slow" -n auto --dist worksteal -p no:schemathesis tests/unit

test: dev ## every test (the real models, files and emulators)
	$(BIN)/pytest

build: dev ## one archive a function, the same bytes from the same sources
	$(BIN)/python -m infra.archives

synth: build ## the Terraform of one environment: make synth ENV=dev
	$(BIN)/python -m infra.main $(ENV)

bench-index: local ## the embedded index at 250,000 moments: build, start-up, query time, recall
	$(BIN)/python -m benchmarks.index

proof: dev ## the full figures: writes docs/benchmarks.md
	$(BIN)/python benchmarks/proof.py

lock: dev ## pin every dependency with its hashes
	$(BIN)/python requirements/lock.py

clean: ## remove the environment and what was built
	rm -rf .venv build dist
