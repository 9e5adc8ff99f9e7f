# What to run. `make demo` and `make test` need Rust and make; validate, check, build and deploy
# also need Python 3, from which .ci/install-tools gets the rest into .tools.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

FUNCTIONS := $(sort $(notdir $(patsubst %/,%,$(wildcard functions/*/))))
MACHINES := $(sort $(wildcard statemachines/*.asl.json))

# The processor of the functions: arm64 or x86_64. The template has the same default.
ARCHITECTURE ?= arm64
# The stack's name and its parameters, see deployment.example.yaml.
STACK ?= landlord
DEPLOYMENT ?= deployment.yaml

BIN := $(CURDIR)/.tools/python/bin
# cargo-lambda is found by cargo and by sam, Node.js by asl-validator.
WITH_TOOLS := PATH="$(BIN):$$PATH" SAM_CLI_TELEMETRY=0

.PHONY: help fmt lint test demo build validate conformance check deploy bench prove-retire python-tools aws-tools node-tools

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

fmt: ## format the code
	cargo fmt --all

lint: ## formatting, clippy, and licences and advisories where cargo-deny is installed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	if cargo deny --version >/dev/null 2>&1; then cargo deny --log-level error check; fi

test: ## all tests, with cargo-nextest where it is installed
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace --locked && cargo test --workspace --locked --doc --quiet; \
	else \
	  cargo test --workspace --locked; \
	fi

demo: ## onboard tenants on this machine and let some of them leave, without AWS
	cargo build --locked -p landlord
	@cargo run -q --locked -p landlord -- demo
	@cargo run -q --locked -p landlord -- demo retire

# One package at a time: features that one function asks for must not get into another.
build: python-tools ## release artifacts of the functions, in target/lambda
	for function in $(FUNCTIONS); do \
	  $(WITH_TOOLS) cargo lambda build --release --$(if $(filter x86_64,$(ARCHITECTURE)),x86-64,arm64) --locked -p $$function; \
	done
	ls -l target/lambda/*/bootstrap

validate: python-tools node-tools ## the template, the stack sets and the machines
	$(WITH_TOOLS) .tools/node/node_modules/.bin/asl-validator $(MACHINES:%=--json-path %)
	$(BIN)/cfn-lint template.yaml us-east-1.yaml stacksets/*.yaml
	@# It asks for a Region, and goes nowhere.
	$(WITH_TOOLS) AWS_DEFAULT_REGION=eu-central-1 $(BIN)/sam validate --lint --template template.yaml
	$(BIN)/python -m json.tool tiers.json > /dev/null

# With the features that the tests are built with: other ones would build the SDK once more.
conformance: aws-tools ## the local AWS, driven by boto3 and the AWS CLI
	cargo build --workspace --tests --examples --locked
	.tools/aws/bin/python tests/conformance/run.py target/debug

check: lint validate test conformance ## everything that has to be green

deploy: python-tools ## build and deploy to AWS: parameters in deployment.yaml, tiers in tiers.json
	@test -f $(DEPLOYMENT) || { echo "make deploy: no $(DEPLOYMENT); copy deployment.example.yaml and fill it in" >&2; exit 1; }
	@test $$(wc -c < tiers.json) -le 4096 || { echo "make deploy: tiers.json has more than 4,096 bytes, the limit of a parameter" >&2; exit 1; }
	@mkdir -p .aws-sam && { echo 'Tiers: |'; sed 's/^/  /' tiers.json; } > .aws-sam/tiers.yaml
	$(WITH_TOOLS) sam build --parameter-overrides file://$(DEPLOYMENT)
	$(WITH_TOOLS) sam deploy --stack-name $(STACK) --resolve-s3 --capabilities CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
	  --no-fail-on-empty-changeset --parameter-overrides file://$(DEPLOYMENT) file://.aws-sam/tiers.yaml
	@# Organizations tells of closed accounts in us-east-1 only.
	region=$$($(BIN)/python -c 'import boto3; print(boto3.Session().region_name)'); test "$$region" = us-east-1 \
	  || $(WITH_TOOLS) sam deploy --template us-east-1.yaml --stack-name $(STACK) --region us-east-1 \
	  --resolve-s3 --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --parameter-overrides LandlordRegion=$$region

# Prints the seed of every world in which something went wrong; SEED takes it back.
FLEETS ?= 100000
SEED ?= 1
prove-retire: ## sweep random fleets: nobody is closed who must not be (FLEETS, SEED)
	cargo build --profile simulation --locked -p landlord
	time target/simulation/landlord simulate prove-retire --fleets $(FLEETS) --seed $(SEED)

bench: ## how long a roll-out to 50,000 accounts in two Regions takes to simulate
	cargo build --profile simulation --locked -p landlord
	time target/simulation/landlord simulate operation --accounts 50000 --regions eu-central-1,eu-west-1 \
	  --max-concurrent 10% --failure-tolerance 5% --mode soft --region-concurrency sequential \
	  --failure-rate 0.01 --veto-rate 0.01 --minutes 4 --seed 1

python-tools:
	@.ci/install-tools python

aws-tools:
	@.ci/install-tools aws

node-tools:
	@.ci/install-tools node
