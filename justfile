# Every recipe is plain cargo beneath: nothing here is needed to build, test or run.

set shell := ["bash", "-euo", "pipefail", "-c"]

# One target directory outside the checkout, so that DuckDB's C++ is compiled once.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", cache_directory() / "parquet-lake/target")

[private]
default:
    @just --list --unsorted

# Several sync processes write while a reader queries, with a table of timings
[group('run')]
demo *args:
    cargo demo {{ args }}

# The suites of every crate; arguments go to cargo test
[group('check')]
test *args:
    cargo test --release --workspace --locked {{ args }}

# The rules of the house: crate arrows, calls, lengths, leftovers
[group('check')]
tidy:
    cargo tidy

# Clippy, warnings are errors
[group('check')]
lint:
    cargo clippy --release --workspace --all-targets --locked -- -D warnings

# Format all sources
[group('check')]
fmt:
    cargo fmt --all

# What the build server runs, from formatting to the last test
[group('check')]
ci:
    .ci/run

# Benchmarks, in the profile of everything else
[group('measure')]
bench *args:
    cargo bench --profile release --workspace --locked {{ args }}

# The tests too long for every day: those marked ignored, with their reasons
[group('measure')]
soak *args:
    cargo test --release --workspace --locked -- --ignored {{ args }}

# Writers, maintenance and readers as processes that are killed anywhere, for so many seconds
[group('measure')]
chaos seconds='600' *args:
    LAKE_SOAK_SECONDS={{ seconds }} cargo test --release --locked -p lake-tests --test processes everything_at_once -- --nocapture {{ args }}

# A fuzz target (text, binary, log, names); needs cargo-fuzz and a nightly compiler
[group('measure')]
fuzz target *args:
    cargo fuzz run --fuzz-dir tests/fuzz {{ target }} {{ args }}
