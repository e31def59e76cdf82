# `make demo` shows the tool at work; `make test` runs every test. Each installs or builds what it
# needs: Rust, Go, Python 3, Git and a shell have to be there.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
RELEASE := $(CARGO_TARGET_DIR)/release/clsecrets
PHASE := tests/phase

.PHONY: demo test lint bench fuzz peers

# The main job with an age key and the directory target, in a temporary directory.
demo:
	cargo build --release --locked
	tests/demo.sh $(RELEASE)

test:
	@$(PHASE) --begin
	@$(PHASE) "peers" tests/peers/build
	@$(PHASE) "build" cargo test --locked --no-run
	@$(PHASE) "unit tests" cargo test --locked --lib --bins
	@$(PHASE) "doc tests" cargo test --locked --doc
	@$(PHASE) "integration tests" cargo test --locked --test main
	@$(PHASE) --end

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Start-up, small and large files, against other tools: ratios of time and peak memory; how the work grows;
# many files and recipients with AWS KMS; the hook beside other guards, and in the source of our own dependencies; then
# many secrets in sync, and many made; then every file of the package caches, sealed and opened.
bench:
	cargo build --release --locked --bins --examples
	tests/peers/build
	tests/peers/build rops gitleaks detect-secrets
	$(CARGO_TARGET_DIR)/release/examples/floor
	python3 tests/bench/run --check $(RELEASE) $(CARGO_TARGET_DIR)/peers/bin/sops $(CARGO_TARGET_DIR)/peers/bin/rops
	python3 tests/bench/growth --check $(RELEASE)
	$(CARGO_TARGET_DIR)/peers/bin/python tests/bench/kms --check $(RELEASE) $(CARGO_TARGET_DIR)/peers/bin/sops
	python3 tests/bench/hook --check --sweep $${CARGO_HOME:-$$HOME/.cargo}/registry/src $(RELEASE) \
		$(CARGO_TARGET_DIR)/peers/bin/gitleaks $(CARGO_TARGET_DIR)/peers/bin/detect-secrets
	cargo test --locked --test main -- --ignored --nocapture --test-threads 1 sync::scale sweep::

# Each reader, the splice and the patterns, for a minute each; SECONDS=600 for longer.
SECONDS ?= 60
fuzz:
	tests/fuzz --seconds $(SECONDS)

# The programs that the tests talk to.
peers:
	tests/peers/build
