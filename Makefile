# The short way to everything; CI runs the same recipes (.ci/run).
# Needs Rust (https://rustup.rs) and Python 3.10 or newer. Other tools are put into .tools/ on first use.

SHELL := bash
ENV := . scripts/env.sh &&

# Set ARCH=arm64 to build for Graviton (and deploy with Architecture=arm64).
ARCH ?= x86_64
# Set LTO=fat for the smallest binaries, at about a minute per function.
LTO ?= thin
export ARCH LTO

.PHONY: help dev demo test test-browser test-large test-openapi test-client openapi campaign bench bench-load bench-quick check lint fmt sam-validate sam-build tools rust

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

dev: rust ## Start everything on this machine: functions, S3, DynamoDB
	@scripts/tools.sh cargo-lambda
	@$(ENV) exec cargo run --locked -p stowage-dev --

demo: rust ## Walk a photo through the running stack, or through one started for it
	@scripts/tools.sh cargo-lambda
	@$(ENV) exec cargo run --locked -p stowage-dev -- demo

test: rust ## Run the tests, also those in a browser
	@scripts/tools.sh cargo-lambda
	@$(ENV) cargo test --workspace --locked --no-fail-fast
	@$(ENV) scripts/browser.sh

test-browser: rust ## Upload with real browsers and uploaders, against a stack started for it
	@scripts/tools.sh cargo-lambda
	@$(ENV) scripts/browser.sh

test-large: rust ## Send 5 GB through the stack, and look at what memory it takes (16 GB of disk, minutes)
	@scripts/tools.sh cargo-lambda
	@$(ENV) cargo test --locked -p acceptance-tests --test large -- --ignored --nocapture

test-openapi: rust ## Try the API against its document, in a stack started for it
	@$(ENV) scripts/schemathesis.sh

test-client: ## Check and test clients/typescript
	@$(ENV) scripts/client.sh

openapi: rust ## Write docs/openapi.json and the types of clients/typescript anew
	@$(ENV) cargo test --locked -p contract-tests --test openapi -- --ignored write_the_document
	@$(ENV) scripts/client.sh generate

campaign: rust ## Try every guarantee in full, with faults and fuzzing (an hour)
	@scripts/tools.sh cargo-lambda
	@scripts/campaign.sh

bench: rust ## Measure beside sharp, Pillow, Node and Python, and write docs/BENCHMARKS.md
	@$(ENV) scripts/bench.sh

bench-load: rust ## Put the whole stack under load, beside Node and Python, for five minutes
	@$(ENV) scripts/load.sh

bench-quick: rust ## Measure less in under three minutes, and compare with docs/BENCHMARKS.md
	@$(ENV) scripts/bench.sh --quick

check: lint test ## Everything that has to pass before a change is merged

lint: rust sam-validate ## Formatting, clippy, scripts and templates
	@$(ENV) cargo fmt --all --check && cargo fmt --check --manifest-path fuzz/Cargo.toml
	@$(ENV) cargo clippy --workspace --all-targets --locked -- -D warnings
	@for script in scripts/*.sh .ci/run; do bash -n "$$script" || exit 1; done

fmt: rust ## Format the Rust code
	@$(ENV) cargo fmt --all

sam-validate: ## Check template.yaml and infra/
	@scripts/tools.sh sam cfn-lint
	@scripts/sam-validate.sh

sam-build: rust ## Build every function as it is deployed, into .aws-sam/build
	@scripts/tools.sh cargo-lambda sam
	@scripts/sam-build.sh

tools: ## Install cargo-lambda, sam and cfn-lint into .tools/
	@scripts/tools.sh

rust:
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs, then run this again." >&2; exit 1; }
