# make run and make test are all that a new machine with Python 3.11+ needs.

PYTHON_IN := .venv/bin/python
CONFIG ?=
ARGS ?=
SEEDS ?= 10000

.PHONY: help run quick test check lint types packaging corpus simulate bench stall console-test console-pictures sdk local-model test-real clean

help:
	@echo "make run            the daemon on 127.0.0.1:8317; CONFIG=FILE for your configuration, ARGS= for more options"
	@echo "make quick          the tests of a minute: a sample, without sockets"
	@echo "make test           the tests; ARGS= for pytest's options"
	@echo "make check          what CI runs: lint, types, packaging, tests"
	@echo "make corpus         replay the vendors' conversion cases and print the table of dialects"
	@echo "make simulate       SEEDS=$(SEEDS) random fault schedules against the pool"
	@echo "make stall          how long one message of megabytes holds up everybody"
	@echo "make console-test   the console in a headless Chromium"
	@echo "make console-pictures  the pictures of it in docs"
	@echo "make bench          what the daemon costs, beside its peers"
	@echo "make strict         32 features of requests, alone and in pairs, before vendors that refuse what they document"
	@echo "make sdk            the vendors' own SDKs against a running daemon"
	@echo "make local-model    a small real model behind the daemon (downloads, and builds for ten minutes, once)"
	@echo "make test-real      the identity lane against that model"

run: .venv/.run
	.venv/bin/cliproxy run $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

quick: .venv/.test
	$(PYTHON_IN) -m pytest --quick $(ARGS)

test: .venv/.test .venv/.node
	$(PYTHON_IN) -m pytest $(ARGS)
	$(PYTHON_IN) -m pytest --whole-channel tests/front tests/security

check: lint types packaging test

lint: .venv/.dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

types: .venv/.dev
	.venv/bin/mypy

packaging: .venv/.dev
	scripts/check-packaging $(PYTHON_IN)

corpus: .venv/.test
	$(PYTHON_IN) -m tests.corpus.replay $(ARGS)

simulate: .venv/.test
	$(PYTHON_IN) -m tests.simulation --seeds $(SEEDS) $(ARGS)

bench: .venv/.test
	$(PYTHON_IN) -m bench $(ARGS)

console-test: .venv/.test
	$(PYTHON_IN) -m pytest tests/console $(ARGS)

console-pictures: .venv/.test
	$(PYTHON_IN) -m tests.console.pictures $(ARGS)

stall: .venv/.test
	$(PYTHON_IN) -m tests.stall $(ARGS)

strict: .venv/.test
	$(PYTHON_IN) -m tests.strict $(ARGS)

sdk: .venv/.test
	$(PYTHON_IN) -m tests.real.matrix $(ARGS)

local-model: .venv/.run
	scripts/local-model

test-real: .venv/.test
	scripts/local-model --test $(PYTHON_IN) $(ARGS)

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp per set of requirements, so that a change of setup.py installs again and nothing else does.

.venv/.made: scripts/make-venv
	scripts/make-venv .venv
	$(PYTHON_IN) -m pip install --quiet --upgrade pip
	@touch $@

.venv/.run: .venv/.made setup.py pyproject.toml
	$(PYTHON_IN) -m pip install --quiet --editable .
	@touch $@

.venv/.test: .venv/.made setup.py pyproject.toml
	$(PYTHON_IN) -m pip install --quiet --editable '.[test]'
	@touch $@ .venv/.run

# OAuth servers for the tests of logins, which are skipped where node is missing, or its registry.

.venv/.node: .venv/.made tests/real/oauth/package.json
	-command -v npm && mkdir -p .venv/node && cp tests/real/oauth/package.json .venv/node/ \
		&& npm install --prefix .venv/node --silent --no-audit --no-fund
	@touch $@

.venv/.dev: .venv/.made setup.py pyproject.toml
	$(PYTHON_IN) -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/.test .venv/.run
