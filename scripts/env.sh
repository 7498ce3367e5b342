# Sourced by the other scripts: where the checkout is, and which tools come first.
# Works with bash 3.2 (macOS) and without GNU tools.

STOWAGE_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
STOWAGE_TOOLS="$STOWAGE_ROOT/.tools"

# cargo-lambda looks for zig through the first python3 on PATH, and sam looks for cargo-lambda
# on PATH, so the environment that holds both comes first.
PATH="$STOWAGE_TOOLS/cargo-lambda/bin:${PATH#"$STOWAGE_TOOLS/cargo-lambda/bin:"}"

# Nothing here may download a Rust toolchain behind your back: with a missing target cargo-lambda would
# run `rustup target add` by itself. A closed port makes that fail at once instead of half-way.
# Set either variable yourself to allow it.
RUSTUP_DIST_SERVER="${RUSTUP_DIST_SERVER:-http://127.0.0.1:9}"
RUSTUP_UPDATE_ROOT="${RUSTUP_UPDATE_ROOT:-http://127.0.0.1:9}"

# A build has no reason to phone home.
SAM_CLI_TELEMETRY=0

export STOWAGE_ROOT STOWAGE_TOOLS PATH RUSTUP_DIST_SERVER RUSTUP_UPDATE_ROOT SAM_CLI_TELEMETRY
