# Every command a person needs. `make` alone lists them.
# CI runs the same targets (.ci/run). Builds go to the user's cache folder unless CARGO_TARGET_DIR is set.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ENV := . scripts/env.sh;
# Where `make dev` keeps its data; ignored by git.
DEV_DATA ?= var/dev
FUZZ_SECONDS ?= 60
# How long `make soak` lasts.
MINUTES ?= 20
# How often `make bench` runs each spoken scenario with each voice.
RUNS ?= 1

.PHONY: help
help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## a spoken call with the demo agency; stays up until Ctrl-C; ONCE=1 ends after the call
	@$(ENV) cargo build -p server && exec "$$CARGO_TARGET_DIR/debug/studioconnect" demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

.PHONY: test
test: setup ## every test of the workspace
	@$(ENV) scripts/test.sh

.PHONY: dev
dev: setup ## a server with its data in var/dev, chatty log, faster-than-real-time calls allowed
	@$(ENV) cargo build -p server && exec "$$CARGO_TARGET_DIR/debug/studioconnect" serve --data-dir $(DEV_DATA) \
		--set media.allow_lockstep=true --set log.format=text --set log.level=info,voice=debug,app=debug

.PHONY: check
check: ## formatting, lints, generated files, SQL, the API's document and client, dependencies, shell scripts
	@$(ENV) scripts/check.sh

.PHONY: e2e
e2e: setup ## the spoken scenarios with their reports, the fault matrix, then the API against its own document (schemathesis)
	@$(ENV) scripts/test.sh --spoken
	@$(ENV) scripts/test.sh --faults
	@$(ENV) scripts/schemathesis.sh

.PHONY: bench
bench: setup ## the measurements of docs/benchmarks.md; PARTS="start speech", RUNS=5 for other ones
	@$(ENV) RUNS=$(RUNS) scripts/bench.sh $(PARTS)

.PHONY: eval
eval: ## precision and recall of the rules for intents, urgency, scope, phantom speech and spoken values
	@$(ENV) cargo run -q -p domain --example eval

.PHONY: soak
soak: setup ## MINUTES (20) of short calls that come and go: is memory flat, is anything left behind?
	@$(ENV) scripts/soak.sh $(MINUTES)

.PHONY: faults
faults: setup ## every fault of a model in every phase, of the telephone and of all vendors, in calls with a real server
	@$(ENV) scripts/test.sh --faults

.PHONY: chaos
chaos: setup ## each key fault of a model 100 times, in calls: a table of what callers heard; RUNS=10 for fewer
	@$(ENV) RUNS=$(if $(filter-out 1,$(RUNS)),$(RUNS),100) scripts/chaos.sh

.PHONY: oracles
oracles: ## the vendors' official SDKs talk to our stand-ins, and judge our requests
	@$(ENV) scripts/oracles.sh $(NAMES)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ_SECONDS (60); needs the nightly toolchain and cargo-fuzz
	@$(ENV) scripts/fuzz.sh $(FUZZ_SECONDS)

.PHONY: generated
generated: ## rewrites the files that are made from code
	@$(ENV) UPDATE_GENERATED=1 cargo test -q -p server -p api --lib generated_documents

.PHONY: api-lint
api-lint: ## Redocly's rules on openapi.json; the TypeScript client is current and type-checks
	@scripts/api-lint.sh

.PHONY: client
client: ## writes the types of the TypeScript client (web/api-client) from openapi.json
	@scripts/api-lint.sh --generate

.PHONY: openapi
openapi: ## writes openapi.json, the document of the HTTP API
	@$(ENV) cargo run -q -p server -- openapi > openapi.json.new && mv openapi.json.new openapi.json

.PHONY: setup
setup: ## makes this machine ready: tools, speech packages, PostgreSQL
	@scripts/setup.sh

.PHONY: release
release: setup ## the program as one file that carries its PostgreSQL
	@$(ENV) cargo build --release -p server --features bundled-postgres
	@$(ENV) ls -lh "$$CARGO_TARGET_DIR/release/studioconnect"
