# The project's commands; `make` lists them. All they need beside Rust, a C compiler and make they install where they can.

SHELL := bash
CARGO ?= cargo
# A check must not change Cargo.lock; whoever adds a dependency does.
LOCKED := $(if $(CI),--locked)
# What is checked: everything, connectors too. What is built to be run has them where it is asked for.
CHECKED := $(LOCKED) --workspace --features connectors

.DEFAULT_GOAL := help
.PHONY: help demo test services check fmt fmt-check lint doc layers deny fuzz profile bench bench-linear-road bench-codec bench-peers

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## run the engine on the built-in town with simulated feeds
	$(CARGO) run $(LOCKED) --release -- demo

test: export SMARTCITY_BROWSER = $(shell .ci/tools browser)
test: export SMARTCITY_KAFKA_JARS = $(shell .ci/tools kafka)
test: export SMARTCITY_REDIS_SERVER = $(shell .ci/tools redis)
test: export SMARTCITY_SKIPPED := $(abspath $(or $(CARGO_TARGET_DIR),target)/skipped-tests)
test: ## install what the tests need where possible, then run all of them, and count those that skipped
	@mkdir -p $(dir $(SMARTCITY_SKIPPED)) && : >$(SMARTCITY_SKIPPED)
	$(CARGO) test $(CHECKED) --all-targets --no-fail-fast
	$(CARGO) test $(CHECKED) --doc --no-fail-fast
	python3 -m unittest discover --quiet --start-directory benches
	@sort -u $(SMARTCITY_SKIPPED); echo "tests that skipped: $$(sort -u $(SMARTCITY_SKIPPED) | wc -l)"

services: ## get the servers that the tests start themselves, and print what tells `cargo test` of them
	@echo "export SMARTCITY_KAFKA_JARS=$$(.ci/tools kafka)"
	@echo "export SMARTCITY_REDIS_SERVER=$$(.ci/tools redis)"

check: fmt-check layers deny lint doc test ## everything that must hold before a change lands

fmt: ## format the code
	$(CARGO) fmt --all

fmt-check: ## fail where the code is not formatted
	$(CARGO) fmt --all --check

lint: ## fail on any warning of the compiler or clippy
	$(CARGO) clippy $(CHECKED) --all-targets --keep-going -- --deny warnings
	$(CARGO) clippy $(LOCKED) --workspace --keep-going -- --deny warnings

doc: export RUSTDOCFLAGS := --deny warnings
doc: ## build the documentation of the crates; fail on any warning
	$(CARGO) doc $(CHECKED) --no-deps

layers: ## prove by cargo's graph that no crate reaches across the layers
	.ci/layers

deny: ## check licences, bans and sources of the dependencies, and advisories where they can be had
	.ci/deny

fuzz: ## throw random bytes at every decoder for SMARTCITY_FUZZ_SECONDS (60)
	$(CARGO) test $(CHECKED) --lib --no-run
	@$(CARGO) test $(CHECKED) --lib --quiet decode::fuzz:: -- --list | grep -q ': test$$' \
		|| { echo "no test in decode::fuzz: nothing would be checked" >&2; exit 1; }
	SMARTCITY_FUZZ_SECONDS=$${SMARTCITY_FUZZ_SECONDS:-60} \
		$(CARGO) test $(CHECKED) --lib decode::fuzz:: -- --nocapture

profile: ## say where the time of a replay goes: by operator and, where perf works, by function
	.ci/profile

# Where measurements look for the events of city-v1, and where they leave their results.
CITY_V1 ?= $(or $(SMARTCITY_CACHE),$(HOME)/.cache/smartcity)/city-v1
RESULTS ?= $(or $(CARGO_TARGET_DIR),target)/bench
BENCH := $(or $(CARGO_TARGET_DIR),target)/release/smartcity bench

.PHONY: release
release:
	$(CARGO) build $(LOCKED) --release --bin smartcity

$(CITY_V1)/roads.csv: | release
	$(BENCH) generate $(CITY_V1)

bench: release $(CITY_V1)/roads.csv ## run the long benchmarks, and make docs/performance.md of all results (RESULTS: where they are)
	python3 benches/peers/run.py $(CITY_V1) --only smartcity --repeat 3 --out $(RESULTS)/ours.json
	$(BENCH) linear-road --out $(RESULTS)
	$(BENCH) latency --out $(RESULTS)
	$(BENCH) state --out $(RESULTS)
	$(BENCH) ticks --out $(RESULTS)
	$(BENCH) simulator --out $(RESULTS)
	$(BENCH) pipeline $(CITY_V1) --out $(RESULTS)
	$(BENCH) ndw --out $(RESULTS)
	python3 benches/report.py $(RESULTS) docs/performance.md

bench-linear-road: release ## Linear Road by its rule: ten minutes in real time, then the largest L; about two hours
	$(BENCH) linear-road --real-time 10 --out $(RESULTS)
	$(BENCH) linear-road --find --expressways 1000 --check 0 --out $(RESULTS)
	python3 benches/report.py $(RESULTS) docs/performance.md

bench-codec: ## measure the wire codecs beside abomonation; apart, since a benchmark of cargo's is built with other settings
	SMARTCITY_BENCH_OUT=$(abspath $(RESULTS)) $(CARGO) bench $(LOCKED) --bench codec
	python3 benches/report.py $(RESULTS) docs/performance.md

bench-peers: release $(CITY_V1)/roads.csv ## run city-v1 on smartcity and on each peer that can be installed (PEERS="--only dbsp": on some)
	python3 benches/peers/run.py $(CITY_V1) --out $(RESULTS)/peers.json $(PEERS)
	python3 benches/report.py $(RESULTS) docs/performance.md
