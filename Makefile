# Targets for people and for .ci/run. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

GO       ?= go
NPM      ?= npm
FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

FIXTURES := e2e/fixtures
BROWSER  := e2e/browser
NODE     := $(FIXTURES)/node_modules/node/bin/node
VENV     := $(FIXTURES)/.venv
PYTHON   ?= python3
LINT     := $(GO) tool -modfile=tools/go.mod golangci-lint

# Where a real Secret Service can be had, the tests that need one fail rather than be left out.
KEYRING := $(if $(filter Linux,$(shell uname -s)),MCPMUX_TEST_KEYRING=require)

# Packages with unit tests; e2e and bench drive the built program and have targets of their own.
UNIT = $$($(GO) list ./... | grep -v -e /e2e$$ -e /bench$$)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: setup lint web-check build cross race e2e conformance ## Everything a change must pass: sets up, lints, builds, tests with -race

.PHONY: setup
setup: need-npm need-python keyring chromium $(FIXTURES)/node_modules/.ready $(BROWSER)/node_modules/.ready $(VENV)/.ready web/node_modules/.ready ## Download what the tests need (Go modules, npm and Python fixtures)
	$(GO) mod download

.PHONY: need-npm
need-npm:
	@command -v $(NPM) >/dev/null 2>&1 && command -v node >/dev/null 2>&1 || { \
	  echo "make: npm and node are needed and not in PATH." >&2; \
	  echo "The end-to-end tests run MCP servers and the MCP conformance suite, which are npm packages." >&2; \
	  echo "Install Node.js 20 or newer (it brings npm), or run 'make unit' for the tests that need Go alone." >&2; \
	  exit 1; }

# The suite needs a newer Node than machines may have, so one is among the fixtures: a package whose install
# script fetches the program for this machine. Where npm is set up not to run install scripts it is run here.
$(FIXTURES)/node_modules/.ready: $(FIXTURES)/package.json $(FIXTURES)/package-lock.json $(FIXTURES)/.npmrc
	cd $(FIXTURES) && $(NPM) ci --no-progress
	test -x $(NODE) || (cd $(FIXTURES)/node_modules/node && node installArchSpecificPackage)
	$(NODE) --version
	touch $@

web/node_modules/.ready: web/package.json web/package-lock.json web/.npmrc
	cd web && $(NPM) ci --no-progress
	touch $@

$(BROWSER)/node_modules/.ready: $(BROWSER)/package.json $(BROWSER)/package-lock.json $(BROWSER)/.npmrc
	cd $(BROWSER) && $(NPM) ci --no-progress
	touch $@

.PHONY: need-python
need-python:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { \
	  echo "make: Python 3.11 or newer with its venv module is needed, and '$(PYTHON)' is not that." >&2; \
	  echo "The end-to-end tests run clients of the MCP Python SDK in a virtual environment of their own." >&2; \
	  echo "Install python3 (on Debian and Ubuntu python3-venv too), name another one with PYTHON=..., or run 'make unit' for the tests that need Go alone." >&2; \
	  exit 1; }

# Anew each time: pip leaves what is no longer named.
$(VENV)/.ready: $(FIXTURES)/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(FIXTURES)/requirements.txt
	touch $@

# A real Secret Service is there on Linux alone; the keychains of other systems are not touched by tests.
.PHONY: keyring
keyring: ## Install the keychain that tests on Linux use (D-Bus and gnome-keyring), where apt-get can
	@test "$$(uname -s)" = Linux || exit 0; \
	have() { command -v dbus-run-session && command -v dbus-daemon && command -v gnome-keyring-daemon; }; \
	have >/dev/null && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends dbus gnome-keyring </dev/null && have >/dev/null && exit 0; \
	fi; \
	echo "make: dbus-run-session, dbus-daemon and gnome-keyring-daemon are needed, and not all are in PATH." >&2; \
	echo "The tests keep the master key in a real Secret Service, with folders of its own: your own keyring is not touched." >&2; \
	echo "Install the packages dbus and gnome-keyring (on Fedora and Arch they have these names too), or run 'make unit'," >&2; \
	echo "which leaves those tests out." >&2; \
	exit 1

.PHONY: web
web: need-npm web/node_modules/.ready ## Build the dashboard anew into web/dist, which is committed
	$(GO) run ./internal/tools/tsgen web/src/api/types.gen.ts
	cd web && $(NPM) run --silent fix && $(NPM) run --silent build

.PHONY: web-check
web-check: need-npm web/node_modules/.ready ## Check the dashboard's source, and that web/dist is what it builds to
	cd web && $(NPM) run --silent check && npx vite build --outDir .build --logLevel warn
	diff -r web/.build web/dist || { echo "make: web/dist is not what web/src builds to; run 'make web' and commit it." >&2; exit 1; }
	rm -r web/.build

# The same on Linux alone; elsewhere the tests take a Chromium that is there, or leave it out.
.PHONY: chromium
chromium: ## Install the browser that tests on Linux use (Chromium), where apt-get can
	@test "$$(uname -s)" = Linux || exit 0; \
	have() { test -n "$${MCPMUX_TEST_CHROMIUM:-}" || command -v chromium || command -v chromium-browser || command -v google-chrome; }; \
	have >/dev/null && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium </dev/null && have >/dev/null && exit 0; \
	fi; \
	echo "make: Chromium is needed, and none is in PATH." >&2; \
	echo "The tests let it try what hostile web pages would, in a profile of its own: your own browser is not touched." >&2; \
	echo "Install the package chromium, name another Chromium with MCPMUX_TEST_CHROMIUM=..., or run 'make unit'," >&2; \
	echo "which leaves those tests out." >&2; \
	exit 1

.PHONY: build
build: ## Build bin/mcpmux
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/mcpmux ./cmd/mcpmux

.PHONY: fmt
fmt: ## Format the code, and fix what the linters can fix
	$(LINT) fmt ./...
	$(LINT) run --fix ./... || true

.PHONY: lint
lint: ## Static checks (golangci-lint, pinned in tools/go.mod)
	$(LINT) run --allow-parallel-runners ./...

.PHONY: cross
cross: ## Build for the systems that the tests do not run on
	GOOS=windows $(GO) build -o /dev/null ./cmd/mcpmux
	GOOS=darwin $(GO) build -o /dev/null ./cmd/mcpmux

.PHONY: unit
unit: ## Unit tests without the race detector: the quick round
	$(GO) test -shuffle=on $(UNIT)

.PHONY: race
race: keyring ## Unit tests with the race detector
	$(KEYRING) $(GO) test -race -shuffle=on $(UNIT)

.PHONY: e2e
e2e: setup ## Tests that drive the built program
	$(KEYRING) $(GO) test -race -count=1 -timeout 30m -skip '^TestConformance' ./e2e

.PHONY: screenshots
screenshots: setup ## Pictures of every page of the dashboard, light and dark, into docs/screenshots
	rm -rf docs/screenshots && mkdir -p docs/screenshots
	MCPMUX_SCREENSHOTS=$(CURDIR)/docs/screenshots $(GO) test -count=1 -run '^TestScreenshots$$' ./e2e

.PHONY: conformance
conformance: setup ## The MCP conformance suite through the gateway, both eras
	$(GO) test -race -count=1 -v -run '^TestConformance' ./e2e

.PHONY: bench
bench: ## What the gateway costs beside a bare reverse proxy (BENCHFLAGS='-rounds 7' …)
	$(GO) run ./bench $(BENCHFLAGS)

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME
	@for pkg in $(UNIT); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

.PHONY: clean
clean: ## Remove what the targets made
	rm -rf bin $(FIXTURES)/node_modules $(BROWSER)/node_modules $(VENV) web/node_modules
