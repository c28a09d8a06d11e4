# Tote. `make help` lists the targets.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

GO       ?= go
ARGS     ?=
FUZZTIME ?= 10s
TIMEOUT  ?= 600s
N        ?= 500
SEEDS    ?= 10000
KILLS    ?= 200
D        ?= 60s
TOOLS    := bin/tools
CROSS    := '^(TestCross|TestRow14Build32Bit)$$'

# The binary is static on every platform; only the race detector needs cgo.
export CGO_ENABLED ?= 0

.PHONY: help build test unit race linearize soak-domain checklist bench bench-rival alerts powercut upgrade booted hil demo lint fmt vet fmt-check fuzz cross cover tidy deps generate deb release notices clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'
	@echo '  variables: ARGS="--exit --speed max" (demo, bench)  FUZZTIME=10s (fuzz)  TIMEOUT=600s (test)'
	@echo '             N=500 SEEDS=10000 KILLS=200 (powercut)  D=60s (linearize)'

build: ## build bin/tote for this machine
	$(GO) build -trimpath -o bin/tote ./cmd/tote

test: deps vet fmt-check unit cross ## everything a change must pass
	@echo 'make test: PASS'

# Two packages at a time: the gateways have as many cores, and tests that start
# processes must not starve each other. The cross builds are left to their own target,
# so that they are not run twice.
unit:
	@$(GO) build -o bin/testsum ./scripts/testsum
	@$(GO) test -json -p 2 -timeout $(TIMEOUT) -skip $(CROSS) ./... | bin/testsum

race: ## the tests under the race detector (needs a C compiler)
	@$(GO) build -o bin/testsum ./scripts/testsum
	@CGO_ENABLED=1 $(GO) test -json -race -p 2 -timeout 1200s -skip $(CROSS) ./... | bin/testsum

cross: ## build for amd64, arm64 and armv7 (without raftstore)
	@$(GO) build -o bin/testsum ./scripts/testsum
	@$(GO) test -json ./repotest -run $(CROSS) -count=1 -timeout 1200s | bin/testsum

linearize: ## what clients saw under kills, pauses, partitions …: each run lasts D
	@TOTE_LINEARIZE=$(D) TOTE_LINEARIZE_DIR=$(CURDIR)/bin/linearize $(GO) test ./raftstore/lintest ./agent/replica \
		-run '^(TestLinearizable|TestRow|TestStaleReadsAreNoticed)' -count=1 -p 1 -v -timeout 120m

soak-domain: ## a million random commands of the warehouse against its models and laws
	@$(GO) test ./warehouse -run '^TestRandom' -rapid.checks=1300 -count=1 -v -timeout 180m

checklist: ## which rows of the order-management checklist are proven, by running their tests
	@$(GO) run ./scripts/checklist

bench: ## the figures we promise, one JSON object a line
	@$(GO) run ./demo/bench $(ARGS)
	$(if $(ARGS),,@$(MAKE) bench-rival)

# A module of its own, which nothing else builds or tests.
bench-rival: ## beside others: our Raft log and raft-wal, three gateways and three etcd
	@cd raftstore/rival && $(GO) vet ./... && $(GO) test -count=1 -timeout $(TIMEOUT) ./... >&2
	@export TOTE_ETCD=$$(scripts/etcd.sh); cd raftstore/rival && $(GO) run . $(ARGS)

# A module of its own, which nothing else builds or tests: it has Prometheus in it.
alerts: ## the alert rules and the dashboard, read and run by Prometheus itself
	@cd deploy/prometheus/check && $(GO) vet ./... && $(GO) test -count=1 -timeout $(TIMEOUT) ./...

# Of the simulated ones the log alone gets three cuts a seed, and the whole
# store three for every tenth. Fails where no real cut can be made.
powercut: ## N power cuts on a real ext4 (root), SEEDS simulated, N bit flips, KILLS kills
	$(GO) test ./raftstore/seglog -count=1 -timeout 7200s -run 'PowerCut' -v -seeds=$(SEEDS) | grep -v '^=== '
	$(GO) test ./raftstore -count=1 -timeout 7200s -run 'PowerCut|Row5AnyBit|Row2Kill' -v -cuts=$(N) -seeds=$$(($(SEEDS)/10)) -flips=$(N) -kills=$(KILLS) | grep -v '^=== '

# The older program is built from this repository's history, which a shallow
# clone does not have. What an old disk looks like is in make test.
upgrade: build ## a shift over a rolling upgrade from FROM, back, and again: make upgrade FROM=COMMIT
	@test -n "$(FROM)" || { echo 'say from which commit: make upgrade FROM=COMMIT'; exit 1; }
	@git cat-file -e '$(FROM)^{commit}' || { echo '$(FROM) is not in this clone; a shallow one: git fetch --unshallow'; exit 1; }
	@rm -rf bin/older && git worktree prune && git worktree add --quiet --detach --force bin/older/src '$(FROM)' >/dev/null
	@cd bin/older/src && $(GO) build -trimpath -o ../tote ./cmd/tote
	@git worktree remove --force bin/older/src
	./bin/tote demo --exit --gateways 3 --orders 60 --older bin/older/tote $(ARGS)

booted: ## a booted Debian updates itself, by its own units, and takes a broken release back (root)
	@TOTE_BOOTED=1 $(GO) test -count 1 -timeout $(TIMEOUT) -run '^TestUpdateBooted$$' -v ./deploy/deb

# The suite of `tote devices test`: PORT=emulated runs it against the emulator.
hil: build ## try a device out: make hil PORT=/dev/… DRIVER=mt-sics (PORT=emulated: its emulator)
	@test -n "$(PORT)" -a -n "$(DRIVER)" || { echo 'say which device: make hil PORT=/dev/… DRIVER=NAME; the names: bin/tote devices drivers'; exit 1; }
	./bin/tote devices test --port '$(PORT)' --driver '$(DRIVER)' --report bin/hil $(ARGS)

demo: build ## the simulated shift: make demo ARGS="--exit --speed max"
	./bin/tote demo $(ARGS)

vet: ## go vet
	@$(GO) vet ./...

fmt-check:
	@out=$$(scripts/gofiles.sh | xargs -r gofmt -l); \
	if [ -n "$$out" ]; then echo "gofmt would change (run make fmt):"; echo "$$out"; exit 1; fi

fmt: $(TOOLS)/gofumpt ## format all Go files
	@scripts/gofiles.sh | xargs -r $(TOOLS)/gofumpt -w

lint: $(TOOLS)/staticcheck $(TOOLS)/gofumpt $(TOOLS)/golangci-lint vet ## vet, staticcheck, gofumpt, golangci-lint (the first run builds them)
	@$(TOOLS)/staticcheck ./...
	@out=$$(scripts/gofiles.sh | xargs -r $(TOOLS)/gofumpt -l); \
	if [ -n "$$out" ]; then echo "gofumpt would change (run make fmt):"; echo "$$out"; exit 1; fi
	@$(TOOLS)/golangci-lint run ./...

$(TOOLS)/staticcheck: tools/go.mod
	cd tools && GOBIN=$(CURDIR)/$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck

$(TOOLS)/gofumpt: tools/go.mod
	cd tools && GOBIN=$(CURDIR)/$(TOOLS) $(GO) install mvdan.cc/gofumpt

$(TOOLS)/golangci-lint: tools/go.mod
	cd tools && GOBIN=$(CURDIR)/$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint

fuzz: ## each fuzz target for FUZZTIME
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

cover: ## test coverage, cover.html
	@$(GO) test -p 2 -timeout $(TIMEOUT) -skip $(CROSS) -coverprofile=cover.out ./... >/dev/null
	@$(GO) tool cover -func=cover.out | tail -n 1
	@$(GO) tool cover -html=cover.out -o cover.html

# Reproducible: the same commit and the same Go give the same bytes (deploy/deb).
deb: ## Debian packages into dist: amd64, arm64, armhf (satellite); DEB="-arch arm64"
	@$(GO) run ./deploy/deb $(DEB)

release: ## releases for `tote update` into dist, to be signed with `tote release sign`; RELEASE="-arch arm64"
	@$(GO) run ./deploy/deb -kind update $(RELEASE)

notices: ## THIRD_PARTY_NOTICES, from the module cache
	@$(GO) run ./deploy/notices

generate: ## rewrite what is generated (demo data)
	$(GO) generate ./...

tidy: ## go mod tidy, here and in the nested modules
	$(GO) mod tidy
	cd tools && $(GO) mod tidy
	cd raftstore/rival && $(GO) mod tidy

deps: ## look for what the tests need, install what may be installed
	@scripts/deps.sh

clean: ## remove what was built
	rm -rf bin dist cover.out cover.html
