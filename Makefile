# The commands of this project. Each first installs what it needs into .venv.

PY := .venv/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check
# Installs exactly what `locked/` names. uv takes a tenth of pip's time; if it cannot be installed, pip is used.
install = $(PIP) --no-compile --require-hashes -r locked/installer.txt 2>/dev/null && \
	$(PY) -m uv pip install -q --require-hashes --python $(PY) -r $(1) || $(PIP) --require-hashes -r $(1)
PORT ?= 8000
SANDBOX_PORT ?= 8787

# The environment of a public server, in which the deployment checks must find nothing.
DEPLOYED := ENV_FILE= SECRET_KEY=Kj2vQ8xZr5LmT0pWn7YdBc4HsGf9AeUi1oXq6RtVyNz3DkMbP5w8 ALLOWED_HOSTS=chat.example.com \
	DISCORD_TOKEN= DISCORD_CHANNEL_ID=1180000000000000012 VAR_DIR=var/check

# In parallel to the other tests run those of another project, with its own settings; whole installations, which mostly
# wait and print their counts; and pages in a browser. Both parts take about the same time.
SHOP := examples/shop
BESIDE := tests/delivery/test_workers.py tests/process tests/browser
# A test that fails while everything else runs in parallel is run once more, alone: a lease of 12 s expires when twenty
# processes share two cores. Both results are printed; a test that fails twice has failed.
CACHE := -o cache_dir=var/cache/
AGAIN := --last-failed --last-failed-no-failures none

.PHONY: help run test test-postgres check lint format fuzz bench mutate without shape lock browser clean

help:  ## list these commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/runs  ## run web, bot and (without DISCORD_TOKEN) a sandbox Discord, until Ctrl-C
	@$(PY) -m scripts.run --port $(PORT) --sandbox-port $(SANDBOX_PORT)

test: .venv/develops browser  ## run all tests, or some: make test TESTS=tests/infra/test_valkey.py
ifdef TESTS
	$(PY) -m pytest $(TESTS)
else
	@mkdir -p var; main=0; status=0; \
	export PREPARED=$$(mktemp -d -t chatbridge-prepared-XXXXXX); trap 'rm -rf "$$PREPARED"' EXIT; \
	($(PY) -m pytest $(SHOP) && { $(PY) -m pytest $(CACHE)beside $(BESIDE) || $(PY) -m pytest $(CACHE)beside $(AGAIN) $(BESIDE); }) \
		>var/beside.log 2>&1 & beside=$$!; \
	$(PY) -m pytest -n 3 --dist worksteal $(CACHE)main $(addprefix --ignore=,$(BESIDE)) || main=$$?; \
	wait $$beside || status=$$?; \
	cat var/beside.log; \
	test $$main = 0 || $(PY) -m pytest $(CACHE)main $(AGAIN) $(addprefix --ignore=,$(BESIDE)) || status=$$?; \
	test $$status = 0
endif

test-postgres: .venv/develops  ## run the tests that use the database in their own process, on PostgreSQL
	$(PY) -m tests.postgres $(PY) -m pytest -m "not browser and not processes" $(TESTS)

check: lint  ## check what must pass before the tests: `make lint`, layers, docs, published descriptions
	$(PY) -m pytest -q tests/test_layers.py tests/javascript/test_imports.py tests/test_settings.py tests/test_docs.py tests/web/test_schema.py \
		tests/http/test_described.py::test_the_published_description_is_current

lint: .venv/develops  ## check format, lint, types, settings and migrations
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	ENV_FILE= DEBUG=1 $(PY) -m mypy
	$(DEPLOYED) $(PY) manage.py check --deploy --fail-level WARNING
	$(DEPLOYED) $(PY) manage.py makemigrations --check --dry-run

format: .venv/develops  ## fix what can be fixed automatically
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

mutate: .venv/develops  ## plant small faults: make mutate MODULES="bridge/chat bridge/files"; FRESH=1 to measure coverage again, MOST=40 per module
	$(PY) -m scripts.mutation $(if $(FRESH),--fresh) $(if $(MOST),--most $(MOST)) $(MODULES)

without: .venv/develops  ## everything but one service, without it: make without SERVICE=discord; FAST=1 for what CI runs
	$(PY) -m scripts.without $(if $(FAST),--fast) $(SERVICE)

shape: .venv/develops  ## print how large the code is and how deeply it is nested
	@$(PY) -m scripts.shape

COUNT ?= 20000
fuzz: .venv/develops  ## send hostile frames and requests to a running server, on loopback: make fuzz COUNT=1000000
	$(PY) -m bench.fuzz --count $(COUNT)

bench: .venv/develops  ## measure on loopback, beside a plain Channels echo
	$(PY) -m bench

browser: .venv/develops
	@$(PY) -m tests.chromium
	@$(PY) -m tests.nginx

lock: .venv/develops  ## pin the dependencies, after a change of requirements*.txt or to update them
	$(PY) -m scripts.lock

clean:  ## remove everything installed or generated, except the database in var/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis var/static var/check
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

.venv/bin/python:
	@./scripts/venv.sh

.venv/runs: locked/run.txt | .venv/bin/python
	@echo "Installing the dependencies of ChatBridge. This takes about a minute."
	@$(call install,locked/run.txt)
	@touch $@

.venv/develops: locked/develop.txt | .venv/bin/python
	@echo "Installing the development dependencies. This takes about a minute."
	@$(call install,locked/develop.txt)
	@touch $@ .venv/runs
