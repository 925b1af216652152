# make            what can be made
# make test       what CI runs first, and the README names

.DEFAULT_GOAL := help
SHELL := /bin/sh

# For each package; a test that hangs prints its goroutines then.
TEST_TIMEOUT ?= 9m
FUZZTIME     ?= 20s
BENCH        ?= .

# Without a home that can be written to (nobody, many containers) Go has nowhere to keep modules and builds: they stay in the checkout.
writable = $(shell d="$$(go env $(1))"; mkdir -p "$$d" 2>/dev/null && test -w "$$d" && echo yes)
ifneq ($(call writable,GOCACHE)$(call writable,GOMODCACHE),yesyes)
  export XDG_CACHE_HOME := $(CURDIR)/.cache
  export GOCACHE := $(CURDIR)/.cache/go-build
  export GOMODCACHE := $(CURDIR)/.cache/mod
  goflags += -modcacherw
endif
# Go asks git for the commit that it stamps into binaries, and gives up where git does: no commit yet, or a checkout of another user.
ifeq ($(shell git rev-parse --verify --quiet HEAD 2>/dev/null),)
  goflags += -buildvcs=false
endif
ifdef goflags
  export GOFLAGS := $(strip $(shell go env GOFLAGS) $(goflags))
endif

##@ Try it

.PHONY: demo dev
demo: bin/clerkstream $(if $(DATABASE_URL),,need-postgres) ## The whole way of an event in under two minutes, with proof that the rows are right
	@exec bin/clerkstream demo $(ARGS)

dev: bin/clerkstream bin/gateway bin/orders $(if $(DATABASE_URL),,need-postgres) ## The same private stack with a gateway and a service to try, until Ctrl-C
	@exec bin/clerkstream dev --run bin/gateway --run bin/orders $(ARGS)

# docker compose up reads it. Every password is new and starts with a letter, for NATS reads a bare number as one. To receive from Clerk
# rather than from the simulator, put your endpoint's signing secret and your instance's secret key in the last two lines.
.env: ## Passwords for docker compose, made once
	@umask 077 && random() { od -An -N"$$1" -tx1 /dev/urandom | tr -d ' \n'; } && { \
	for name in POSTGRES PROJECTOR_DB WATCH_DB ORDERS_API_DB ORDERS_READER_DB ORDERS_OWNER_DB NATS_INGEST NATS_OPERATOR NATS_PROJECTOR NATS_SUBSCRIBER NATS_WATCH NATS_MONITOR; do \
		echo "$${name}_PASSWORD=p$$(random 20)"; \
	done && \
	echo "CLERK_WEBHOOK_SIGNING_SECRET=whsec_$$(head -c 24 /dev/urandom | base64)" && \
	echo "CLERK_SECRET_KEY=sk_test_$$(random 21)"; } >$@.new && mv $@.new $@
	@echo "wrote $@: docker compose --profile sim up --build"

##@ Prove it

.PHONY: test race lint fuzz torture bench
test: need-postgres ## Vet and every test: what CI runs (installs Postgres where it is missing and may)
	go vet -tags torture ./...
	go test -vet=off -shuffle=on -timeout $(TEST_TIMEOUT) ./...

race: need-postgres need-cc ## The same tests under the race detector
	go test -vet=off -race -timeout $(TEST_TIMEOUT) ./...

lint: ## gofmt, vet, staticcheck and the rest of .golangci.yml
	go tool -modfile=tools/go.mod golangci-lint run ./...

fuzz: ## Each fuzz target for FUZZTIME (20s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$dir"/*_test.go); do \
			echo "$$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 50x "$$dir" || exit 1; \
		done; \
	done

torture: need-postgres need-cc ## The long proofs: each property 2000 times, crashes again and again, fuzzing; more than an hour
	RAPID_CHECKS=2000 go test -race -tags torture -count=1 -p 1 -timeout 60m ./...
	go test -vet=off -shuffle=on -count=20 -timeout 60m ./projector/... ./internal/...
	$(MAKE) fuzz FUZZTIME=5m

bench: need-postgres ## Ratios, each measured against its yardstick in the same run (BENCH=regexp)
	go test -run '^$$' -bench '$(BENCH)' -count=1 -p 1 -timeout 60m ./...

##@ Build it

programs := ./cmd/... ./examples/gateway ./examples/orders

.PHONY: build schema clean
build: ## The binaries into bin/, those of the example services too
	CGO_ENABLED=0 go build -trimpath -o bin/ $(programs)

schema: ## JSON Schemas and the AsyncAPI document, made of the Go types
	go run ./internal/contract

clean: ## Remove what make made
	rm -rf bin .cache *.test
	go clean -testcache

# Inside

.PHONY: help bin/clerkstream bin/gateway bin/orders need-postgres need-cc
help:
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z.-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# With the settings of go test, which so finds most packages compiled.
bin/clerkstream:
	@go build -o $@ ./cmd/clerkstream

bin/gateway bin/orders:
	@go build -o $@ ./examples/$(@F)

need-postgres:
	@scripts/need postgres

need-cc:
	@scripts/need cc
