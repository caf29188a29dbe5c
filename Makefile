# The targets are thin: what they do is done by Go programs and by Pulumi.
STACK     ?= dev
# CLUSTER=kind, embedded or existing is what the stack's cluster becomes. Without, it
# is what the stack's configuration says, what it is already, or what suits the machine.
export GOPHERLOCKS_CLUSTER := $(CLUSTER)
TOOLCHAIN := go run ./standalone/toolchain
# What every command that uses the tools begins with.
WITH_ENV  := set -e; eval "$$($(TOOLCHAIN) env)";
# One set of flags for all compilation, so that it is shared: see standalone/toolchain.
GO        := CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" go
# Many tests run programs that they build or are given, which go test does not know
# of: a result that it remembers would stand for programs that have changed.
GO_TEST   := $(GO) test -count=1

# How long `make fuzz` tries each target.
FUZZTIME  ?= 30s

# Whether this folder was led to an engine that was started for want of another. The
# cluster that it holds may be one that the stack is about to leave.
HAS_ENGINE := grep -qs dockerHost .gopherlocks/kind.json

.PHONY: help up destroy plan cluster tools packages programs tools-kind tools-tests env demo demo-queue images versions release test test-clusters test-unit test-oldest test-node test-kind test-e2e test-flux bench bench-preview bench-reaction bench-flux soak fuzz verify generate lint
.DEFAULT_GOAL := help

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# Also for a stack that is not selected, and `make env` where one is named.
up destroy plan demo demo-queue: export PULUMI_STACK := $(STACK)
ifneq ($(filter command line environment,$(origin STACK)),)
cluster env: export PULUMI_STACK := $(STACK)
endif

# With its preview, so that what a policy or the API server refuses fails before anything is made.
up: cluster tools ## Provide the tools, then make the environment of stack $(STACK); CLUSTER=kind on nodes in containers
	@$(WITH_ENV) pulumi stack select --create $(STACK); \
	if $(HAS_ENGINE); then $(GO) run ./standalone/kind resume; fi; \
	pulumi up --yes; \
	if [ "$$GOPHERLOCKS_CLUSTER_PROVIDER" != kind ] && $(HAS_ENGINE); then $(GO) run ./standalone/kind down; fi

destroy: tools ## Remove everything that `make up` made but the tools
	@$(WITH_ENV) pulumi stack select $(STACK); \
	if $(HAS_ENGINE); then $(GO) run ./standalone/kind resume; fi; \
	pulumi destroy --yes --skip-preview; \
	if $(HAS_ENGINE); then $(GO) run ./standalone/kind down; fi

# Neither packages nor a container engine: a plan needs none. A stack that is not there yet is an empty record.
# Make itself fails with 2 whatever went wrong: scripts call gopherlocks-plan.
plan: programs ## Say what `make up` would do to the MiniClusters: ranks, jobs, restarts, room
	@$(WITH_ENV) pulumi stack --stack $(STACK) >/dev/null 2>&1 || pulumi stack init --no-select $(STACK) >/dev/null; \
	gopherlocks-plan --stack $(STACK) || [ $$? -eq 2 ]

cluster: ## Say where the stack's Kubernetes comes from, and why
	@$(TOOLCHAIN) cluster

tools: packages programs ## Install or compile the programs that are needed (cached outside this folder)
	@$(WITH_ENV) case "$$GOPHERLOCKS_CLUSTER_PROVIDER" in kind) $(GO) run ./standalone/kind up;; esac

packages:
	@$(TOOLCHAIN) packages

programs:
	@$(TOOLCHAIN) tools
	@mkdir -p .gopherlocks/pulumi

env: ## Shell exports for this project, or for one stack with STACK=NAME: eval "$(make -s env)"
	@$(TOOLCHAIN) env --select

demo: ## Give the MiniCluster load, or jobs where it scales by its queue; watch it grow and come back
	@$(WITH_ENV) gopherlocks-demo

# For machines that reach no image of Flux. Nodes in containers do not see this folder.
demo-queue: ## The same for jobs, beside the stack's MiniCluster, with a stand-in for Flux
	@$(WITH_ENV) case "$$GOPHERLOCKS_CLUSTER_PROVIDER" in embedded) ;; *) \
		echo "make demo-queue needs an embedded cluster, whose node sees this folder; elsewhere: make up demo STACK=flux" >&2; exit 1;; esac; \
	$(GO) build -o .gopherlocks/stand-in/flux ./operator/internal/fluxstandin/cmd/flux; \
	gopherlocks-demo -stand-in "$(CURDIR)/.gopherlocks/stand-in"

images: ## Push the images of operator, agent and demo to REGISTRY, for amd64 and arm64 (docs/images.md)
	@$(GO) run ./images/cmd/gopherlocks-images --registry "$(REGISTRY)" --tag "$(TAG)" --output "$(OUTPUT)"

versions: ## Say what is supported, and which versions are used (docs/versions.md)
	@$(TOOLCHAIN) versions

# What is quickly checked comes first. Nothing is published: that takes somebody's credentials.
release: ## Check that this commit can be released, and say how (docs/releasing.md)
	@set -e; version=$$($(GO) run ./version/release); images=$$(mktemp -d); \
	$(MAKE) --no-print-directory verify lint; \
	$(MAKE) --no-print-directory images OUTPUT="$$images"; \
	printf '\n%s can be released: the images are in %s. Go on with\n\n' "$$version" "$$images"; \
	printf '    git tag -s v%s -m "Gopherlocks %s"\n    git push origin v%s\n' "$$version" "$$version" "$$version"

# Their clusters and API servers are made of programs of this machine, whatever the
# stack's cluster is.
test test-clusters test-unit test-oldest test-node test-e2e bench bench-preview bench-reaction bench-flux soak: export GOPHERLOCKS_CLUSTER := embedded

# Also for a user who can make no cluster: tests of clusters are skipped then.
tools-tests:
	@GOPHERLOCKS_CLUSTER=embedded $(TOOLCHAIN) packages --tests
	@GOPHERLOCKS_CLUSTER=embedded $(TOOLCHAIN) tools

# Clusters mostly wait, so that unit tests run beside them: what a line is of, its package says.
test: ## All tests but those of kind
	@$(MAKE) --no-print-directory -j2 test-unit test-clusters

# More tests at once than there are processors: those of the operator wait for the API
# server most of the time.
test-unit: tools-tests ## Unit tests, and the operator against a real API server
	@$(WITH_ENV) $(GO_TEST) -parallel 8 -timeout 20m $$($(GO) list ./... | grep -v -e /tests/e2e -e /tests/kind -e /standalone/embedded)

# These look at the whole machine for what a cluster left behind, so nothing else may
# start or stop one meanwhile.
TEST_NODE := $(WITH_ENV) $(GO_TEST) -timeout 20m ./standalone/embedded
TEST_E2E  := $(WITH_ENV) $(GO_TEST) -timeout 25m -v ./tests/e2e

test-clusters: tools-tests
	@$(TEST_NODE)
	@$(TEST_E2E)

test-node: tools-tests ## Embedded clusters, from their plans to their removal
	@$(TEST_NODE)

test-oldest: tools-tests ## The operator against the oldest Kubernetes that it works on
	@$(WITH_ENV) oldest=$$($(TOOLCHAIN) oldest); GOPHERLOCKS_CONTROL_PLANE=$$oldest $(GO_TEST) -parallel 8 -timeout 20m ./tests/api

# Without the container engine that `make tools CLUSTER=kind` provides: tests have theirs.
tools-kind:
	@GOPHERLOCKS_CLUSTER=kind $(TOOLCHAIN) packages
	@GOPHERLOCKS_CLUSTER=kind $(TOOLCHAIN) tools

# SHORT=-short leaves out of the whole way what is the same on every cluster.
test-kind: tools-kind ## Clusters of kind on a container engine of their own, and the whole way on one
	@$(WITH_ENV) $(GO_TEST) -timeout 20m -v ./tests/kind
	@$(WITH_ENV) GOPHERLOCKS_CLUSTER=kind $(GO_TEST) $(SHORT) -timeout 40m -v ./tests/e2e

test-e2e: tools-tests ## The whole way, through `make up`, on an embedded cluster of its own
	@$(TEST_E2E)

test-flux: ## The tests of all that calls flux, with the real one on PATH (CONTRIBUTING.md)
	@FLUX_TEST_REAL=1 $(GO_TEST) -p 1 -timeout 20m ./operator/internal/fluxconf ./operator/internal/fluxcli \
		./operator/internal/fluxinstance ./operator/internal/fluxstandin ./operator/internal/agent/... ./operator/cmd/gopherlocks-agent

bench: tools-tests ## Compare MiniClusters with bare Jobs (docs/benchmarks.md)
	@$(WITH_ENV) GOPHERLOCKS_KWOK=$$($(TOOLCHAIN) kwok) $(GO) test -timeout 60m -run '^$$' -bench . -benchtime 1x ./tests/api

bench-preview: tools-tests ## Compare the preview of a resize with one of nothing, on a cluster of its own
	@$(WITH_ENV) $(GO) test -timeout 20m -run '^$$' -bench Preview -benchtime 1x ./tests/e2e

bench-reaction: tools-tests ## Measure how soon the size follows the queue, and beside it an HPA on the queue's metrics
	@$(WITH_ENV) $(GO) test -timeout 30m -run '^$$' -bench Reaction -benchtime 1x ./tests/e2e

# Each drain makes the next one dearer for the brokers, so that both ways make as many. A
# round at rest is a minute.
bench-flux: ## What questions to Flux and a high ceiling cost, with the real one on PATH (docs/benchmarks.md)
	@FLUX_TEST_REAL=1 $(GO) test -timeout 20m -run '^$$' -bench Look -benchtime 10s ./operator/internal/fluxinstance
	@FLUX_TEST_REAL=1 $(GO) test -timeout 20m -run '^$$' -bench Drain -benchtime 20x ./operator/internal/fluxinstance
	@FLUX_TEST_REAL=1 $(GO) test -timeout 20m -run '^$$' -bench AtRest -benchtime 1x ./operator/internal/fluxinstance
	@FLUX_TEST_REAL=1 $(GO) test -timeout 20m -run '^$$' -bench Ceiling -benchtime 1x ./operator/cmd/gopherlocks-agent

soak: tools-tests ## Resize a MiniCluster 100 times among accidents, have 300 jobs choose its size, and kill `pulumi up` 20 and on kind 10 times (docs/soak.md)
	@$(WITH_ENV) GOPHERLOCKS_SOAK=$${GOPHERLOCKS_SOAK:-100} $(GO) test -timeout 60m -v -run '^TestSoak$$' ./tests/api
	@GOPHERLOCKS_QUEUE_JOBS=$${GOPHERLOCKS_QUEUE_JOBS:-300} $(GO_TEST) -timeout 60m -v -run '^TestNoJobIsLost' ./operator/cmd/gopherlocks-agent
	@$(WITH_ENV) GOPHERLOCKS_KILLS=$${GOPHERLOCKS_KILLS:-20} $(GO) test -timeout 60m -v -run '^TestKilledUp' ./tests/e2e
	@$(MAKE) --no-print-directory tools-kind
	@$(WITH_ENV) GOPHERLOCKS_CLUSTER=kind GOPHERLOCKS_KILLS=$${GOPHERLOCKS_KILLS:-10} $(GO) test -timeout 60m -v -run '^TestKilledUp' ./tests/e2e

fuzz: ## Fuzz each target for FUZZTIME (30s), then try a million cases on all who judge sizes (20 to 30 minutes)
	@grep -rEo --include='*_test.go' --exclude-dir=.gopherlocks '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file function; do \
		target=$${function#func }; package=$$(dirname "$$file"); \
		echo "$$target of $$package, for $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done
	@GOPHERLOCKS_BOUNDS_CASES=$${GOPHERLOCKS_BOUNDS_CASES:-1000000} $(GO) test -v -timeout 60m -run AnySizes ./tests/bounds

generate: ## Write the generated files anew
	@$(GO) generate ./operator/... ./provider/... ./standalone/toolchain

verify: ## Fail when a generated file is not what its source makes
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code --stat -- crds operator sdk docs/versions.md || \
		{ echo 'Generated files have drifted: commit what "make generate" wrote.'; exit 1; }

lint: ## Lint, and check the architecture (compiles the linter at first)
	@$(TOOLCHAIN) lint
