# The commands that people type. Each target installs its own needs; only Node and npm have to be there.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export WRANGLER_SEND_METRICS := false
export WRANGLER_HIDE_BANNER := true
export CLOUDFLARE_CF_FETCH_ENABLED := false
# onnxruntime-node has its CPU library in the package; its install script would fetch CUDA libraries from NuGet.
export ONNXRUNTIME_NODE_INSTALL := skip

PACKAGES := node_modules/.ktrdr-installed
# The commit that `make check` compares with.
SINCE ?= HEAD
INSTALLED := compute-node/training/kernels/build/exact.wasm
RESULTS := .ktrdr/test-results
VITEST := vitest run --reporter=default --reporter=json --reporter=test/support/file-times.ts

# Says in one line when Node is too old. npm installs with Node 20, and brings the Node 24 that everything else runs on.
require-node = @node -e '[a, b] = process.versions.node.split("."); process.exit(a > $(1) || (a == $(1) && b >= $(2)) ? 0 : 1)' 2> /dev/null || \
  { echo "error: $(3) needs Node $(1).$(2) or newer; this is $$(node --version 2> /dev/null || echo a machine without Node). https://nodejs.org/en/download" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help install demo dev test check watch test-unit test-worker test-browser test-simulation test-e2e test-images test-chaos test-load mutants simulate quality fix bench bench-training bench-fabric deploy-check deploy preview preview-delete clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## install the npm packages, compile the training kernels

$(INSTALLED): $(wildcard compute-node/training/kernels/assembly/*.ts) compute-node/training/kernels/build.ts | $(PACKAGES)
	$(call require-node,24,2,ktrdr)
	@node compute-node/training/kernels/build.ts

$(PACKAGES): package-lock.json
	$(call require-node,20,0,npm)
	@echo "installing npm packages (once, about half a minute)…"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(INSTALLED) ## backtest rules, train a network and test it, through the whole system, with reports
	@node cli/demo.ts

dev: $(INSTALLED) ## control plane (live reload) and two nodes, staying up
	@node cli/main.ts --home .ktrdr/dev up --dev --nodes 2

test: $(INSTALLED) ## every test that a fresh machine can run, with times and totals
	@rm -rf $(RESULTS)
	@status=0; node test/support/run-all.ts $(RESULTS) || status=1; \
	  node test/support/print-totals.ts $(RESULTS) || status=1; exit $$status

check: quality ## quality, and the unit tests that reach files changed since SINCE (the last commit)
	@vitest run --project unit --changed $(SINCE) --passWithNoTests

watch: $(INSTALLED) ## run unit tests again when a file that they reach changes (FILE=part-of-a-path for some)
	@vitest watch --project unit $(FILE)

test-unit: $(INSTALLED) ## unit, property and golden tests (FILE=part-of-a-path for some)
	@$(VITEST) --project unit --outputFile.json=$(RESULTS)/unit.json $(FILE)

test-worker: $(INSTALLED) ## tests inside workerd
	@$(VITEST) --project worker --outputFile.json=$(RESULTS)/worker.json

test-browser: $(INSTALLED) ## tests in headless Chromium
	@$(VITEST) --project browser --outputFile.json=$(RESULTS)/browser.json

test-simulation: $(INSTALLED) ## a million events in a simulated world
	@$(VITEST) --project simulation --outputFile.json=$(RESULTS)/simulation.json

SEED ?= 1
STEPS ?= 1000000
simulate: $(INSTALLED) ## one simulated world: make simulate SEED=7 STEPS=5000000
	@node test/simulation/run.ts --seed $(SEED) --steps $(STEPS)

test-e2e: $(INSTALLED) ## tests with real processes
	@$(VITEST) --project e2e --outputFile.json=$(RESULTS)/e2e.json

test-images: $(INSTALLED) ## the Dockerfile's steps in a clean Debian (as root, with debootstrap); test-e2e has it too
	@vitest run --project e2e test/e2e/images.test.ts

test-chaos: $(INSTALLED) ## processes and connections killed and frozen at random from a seed
	@$(VITEST) --project chaos --outputFile.json=$(RESULTS)/chaos.json

test-load: $(INSTALLED) ## many sockets, a deep queue, busy cores (FULL_LOAD=1 for the full size)
	@$(VITEST) --project load --outputFile.json=$(RESULTS)/load.json

mutants: $(INSTALLED) ## plant known faults in a copy, one by one; a property test must find each (FAULT="words" for some)
	@node test/mutants/run.ts $(FAULT)

quality: $(INSTALLED) ## lint, format and types
	@biome check --error-on-warnings .
	@tsc -p tsconfig.json
	@tsc -p tsconfig.worker.json
	@tsc -p results
	@tsc -b tsconfig.outside.json
	@tsc -p cli/report/page

fix: $(INSTALLED) ## let the linter correct the faults that it can
	@biome check --write .

bench: $(INSTALLED) ## benchmarks, as ratios to limits and peers
	@node bench/backtest.ts
	@node bench/market-data.ts

bench-training: $(INSTALLED) ## training against PyTorch (where it is installed) and plain JavaScript
	@node bench/training.ts

bench-fabric: $(INSTALLED) ## dispatch against BullMQ, pg-boss and graphile-worker, where they can be installed
	@node bench/fabric/run.ts

deploy-check: $(INSTALLED) ## bundle for Cloudflare without deploying, production and a preview
	@wrangler deploy --dry-run --outdir dist/bundle
	@node deploy/cloudflare/preview-check.ts

deploy: $(INSTALLED) ## control plane to Cloudflare: bucket, admin token, deployment, check, roll-back
	@node deploy/cloudflare/deploy.ts

preview: $(INSTALLED) ## a control plane beside production: make preview NAME=my-branch
	@node deploy/cloudflare/preview.ts create $(NAME)

preview-delete: $(INSTALLED) ## remove it again: make preview-delete NAME=my-branch
	@node deploy/cloudflare/preview.ts delete $(NAME)

clean: ## remove everything that was installed and made
	rm -rf node_modules dist .wrangler .ktrdr compute-node/training/kernels/build
