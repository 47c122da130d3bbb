# The one entry for people; CI calls the same commands.

default:
    @just --list

# A whole rollup on a development L1.
devnet *args:
    cargo run --release -- devnet {{args}}

# Format, lints, documentation, tidiness.
check:
    cargo xtask lint
    cargo xtask tidy

# Everything there is to test; set-up included.
test:
    cargo xtask test

# One room's tests.
test-room room *args:
    cargo test -p sluice-{{room}} {{args}}

# One room's benchmarks, in release.
bench room *args:
    cargo bench -p sluice-{{room}} {{args}}

# Compile the contracts and write their artifacts.
artifacts:
    cargo xtask tools
    cargo xtask artifacts
