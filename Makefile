# Everything a developer does. Targets install what they need first; what is up to date is skipped.
# Long logic lives in infra_cdk/local.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
# Without compiled files every cold import takes three times as long.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME VIRTUAL_ENV
export PYTHONPATH := $(CURDIR)/layers/platform/python
export UV := $(CURDIR)/.tools/bin/uv
# Debian's Node.js 20 is past its end of life; the pinned CDK runs on it, and says so at length.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

PYTHON := .venv/bin/python
BOOTSTRAP := sh infra_cdk/local/bootstrap.sh
STAGE ?= dev
CATALOGUE := build/catalogue/agents.sqlite
FINDING := build/finding/passages/passages.json
WORKFLOWS := build/catalogue/workflows.json
SITE := web/dist/index.html
POLICY := build/policies/enforced.json
# Folders count as well: a file that is gone changes its folder.
DEFINITIONS := $(shell find agent_defs ! -name '*.md' 2>/dev/null)
COMPILER := $(wildcard layers/platform/python/agent_platform/agents/*.py)
FINDER := $(wildcard layers/platform/python/agent_platform/finding/*.py)
SPECS := $(shell find statemachines -name '*.yaml' -o -name '*.asl.json' -o -type d 2>/dev/null)
SPEC_COMPILER := $(shell find layers/platform/python/agent_platform/workflows -name '*.py' 2>/dev/null)
POLICY_SOURCES := $(shell find layers/policies 2>/dev/null)
POLICY_COMPILER := $(wildcard layers/platform/python/agent_platform/identity/policy/*.py)
WEB := $(shell find web -mindepth 1 -name node_modules -prune -o -name dist -prune -o -name '.*' -prune -o -print 2>/dev/null)

.PHONY: help setup run dev reset test check audit deploy synth bench fuzz rebuild-projections dead-letters rotate-keys agent eval agents-check agent-new agent-check agent-diff workflows workflows-check catalogue web openapi migration lock clean

help: ## list the targets (this text)
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | awk -F'\t' '{ printf "  make %-19s %s\n", $$1, $$2 }'

setup: .venv/.synced .venv-emulator/.synced infra_cdk/node_modules/.synced web/node_modules/.synced ## install everything (below this folder)

run: setup catalogue web ## bring the whole platform up on this machine (PORT=8080 fixes the port)
	@$(PYTHON) -m infra_cdk.local run

dev: setup catalogue ## as run, and renew the site, the functions and the agents when their sources change
	@$(PYTHON) -m infra_cdk.local dev

reset: .venv/.synced ## forget the accounts, executions and everything else that runs have kept
	@$(PYTHON) -m infra_cdk.local reset

test: check catalogue web ## every check and every test, the whole platform included
	npm --prefix web run test
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: setup ## lint, formatting, types, layering, and no credential in any file
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m infra_cdk.secret_scan
	npm --prefix web run lint
	npm --prefix web run typecheck

audit: setup ## ask PyPI and npm for known vulnerabilities of every locked package (needs both services)
	@$(PYTHON) -m infra_cdk.audit

deploy: setup catalogue web ## deploy a stage (STAGE=dev) to the AWS account you are signed in to
	$(PYTHON) -m infra_cdk.deploy $(STAGE)

synth: setup catalogue web ## write the CloudFormation templates of a stage (STAGE=dev) to cdk.out
	infra_cdk/node_modules/.bin/cdk synth --quiet -c stage=$(STAGE)

bench: setup catalogue ## measure, print tables, write JSON
	$(PYTHON) -m tests.benchmarks

fuzz: setup catalogue ## send every operation of the API many more odd requests than `make test`: make fuzz FUZZ_EXAMPLES=100 FUZZ_SEED=7
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),100) FUZZ_SEED=$(FUZZ_SEED) $(PYTHON) -m pytest -q tests/security/test_schemathesis.py

rebuild-projections: STAGE = local
rebuild-projections: .venv/.synced ## build the figures of a stage (STAGE=local) anew from its audit log
	@$(PYTHON) -m infra_cdk.rebuild_projections $(STAGE) $(ARGS)

dead-letters: ARGS ?= list
dead-letters: .venv/.synced ## list, show, redrive or discard what could not be done: make dead-letters ARGS="list"
	@$(PYTHON) -m infra_cdk.dead_letters_command $(ARGS)

rotate-keys: STAGE = local
rotate-keys: .venv/.synced ## sign access tokens of a stage (STAGE=local) with a new key
	@$(PYTHON) -m infra_cdk.rotate_keys $(STAGE)

policy-explain: ACTION ?= agents:execute
policy-explain: .venv/.synced ## why is this allowed or denied: make policy-explain USER=ada@example.com ACTION=agents:execute AGENT=group/name
	@$(PYTHON) -m infra_cdk.policy_command $(ACTION) $(if $(findstring command,$(origin USER)),--user $(USER)) $(if $(AGENT),--agent $(AGENT)) $(ARGS)

agent: setup catalogue ## run one agent alone: make agent ID=group/name
	@$(PYTHON) -m infra_cdk.local agent $(ID)

eval: setup catalogue ## hold one agent's answers to its cases: make eval ID=group/name (JUDGE=1 lets Claude read them)
	@$(PYTHON) -m infra_cdk.local eval $(ID) $(if $(JUDGE),--judge)

agents-check: .venv/.synced ## hold every agent to the gates of the catalogue (ARGS=--document renews docs/catalogue.md)
	@$(PYTHON) -m tests.gates $(ARGS)

agent-new: .venv/.synced ## begin an agent: make agent-new ID=group/name
	@$(PYTHON) -m agent_platform.agents.author new $(ID)

agent-check: .venv/.synced ## check one agent among the others: make agent-check ID=group/name
	@$(PYTHON) -m agent_platform.finding.check_agent $(ID)

agent-diff: AGAINST ?= HEAD
agent-diff: .venv/.synced ## what changed in an agent, and the version that asks for: make agent-diff ID=group/name AGAINST=HEAD
	@$(PYTHON) -m agent_platform.agents.author diff $(ID) --against $(AGAINST)

workflows: .venv/.synced ## compile the shipped workflows anew: statemachines/*.asl.json
	$(PYTHON) -m agent_platform.workflows.compile --write

workflows-check: .venv/.synced ## check every shipped workflow
	$(PYTHON) -m agent_platform.workflows.compile --check

catalogue: $(CATALOGUE) $(FINDING) $(WORKFLOWS) $(POLICY) ## put the agents, the shipped workflows and the policies into one file each

web: $(SITE) ## build the web site

openapi: setup ## export the OpenAPI document and the types the site derives from it
	$(PYTHON) -m functions.openapi
	npm --prefix web run generate

migration: .venv/.synced ## write a database migration from the models (m="what changed")
	$(PYTHON) -m agent_platform.storage.migrations new "$(m)"

lock: .tools/.synced ## lock every dependency anew, with hashes
	sh infra_cdk/local/lock.sh

clean: ## delete what was built and installed (not what runs have kept: that is reset)
	rm -rf build cdk.out web/dist .venv .venv-emulator .tools infra_cdk/node_modules web/node_modules
	rm -rf .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.tools/.synced: layers/requirements/tools.txt
	@$(BOOTSTRAP) tools

.venv/.synced: layers/requirements/dev.txt | .tools/.synced
	@$(BOOTSTRAP) python

.venv-emulator/.synced: layers/requirements/emulator.txt | .tools/.synced
	@$(BOOTSTRAP) emulator

%/node_modules/.synced: %/package-lock.json
	@$(BOOTSTRAP) npm $*

$(CATALOGUE): $(DEFINITIONS) $(COMPILER) | .venv/.synced
	@$(PYTHON) -m agent_platform.agents.compile

$(FINDING): $(CATALOGUE) $(FINDER) | .venv/.synced
	@$(PYTHON) -m agent_platform.finding.compile

$(WORKFLOWS): $(SPECS) $(SPEC_COMPILER) $(DEFINITIONS) $(COMPILER) | .venv/.synced
	@$(PYTHON) -m agent_platform.workflows.compile

$(POLICY): $(POLICY_SOURCES) $(POLICY_COMPILER) | .venv/.synced
	@$(PYTHON) -m agent_platform.identity.policy.compile

$(SITE): $(WEB) web/node_modules/.synced
	@$(BOOTSTRAP) step "Building the web site" npm --prefix web run build
