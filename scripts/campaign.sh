#!/usr/bin/env bash
# Tries every counted guarantee in full, misses each safeguard once, fuzzes, and writes docs/CAMPAIGN.md with the lines it
# is made from. About an hour on two cores.
#
#   scripts/campaign.sh         everything, each fuzz target for 60 seconds
#   scripts/campaign.sh 300     the same with 300 seconds
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$STOWAGE_ROOT"

export STOWAGE_REPORT="$STOWAGE_ROOT/target/campaign.jsonl"
mkdir -p target
: >"$STOWAGE_REPORT"

echo "campaign: every counted test in full"
STOWAGE_COUNTS=full cargo test --workspace --locked --no-fail-fast

echo "campaign: builds without one safeguard"
cargo test --locked -p crash-tests --features switches --test safeguards
# What is not on disk is lost only with the power, so this one shows in the order of system calls.
durable="g53_data_and_folder_are_synced_before_a_write_is_acknowledged"
if ! command -v strace >/dev/null; then
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq strace >/dev/null
  fi
fi
if command -v strace >/dev/null; then
  cargo test --locked -p storage-local --features switches --test fs "$durable"
  if STORAGE_TEST_SAFEGUARD_OFF=Fsync cargo test --locked -p storage-local --features switches --test fs "$durable"; then
    echo "campaign: nobody misses Fsync" >&2
    exit 1
  fi
  echo '{"guarantee":"SAFEGUARDS","off":"Fsync","caught":true,"trials":1,"found":"NotDurable"}' >>"$STOWAGE_REPORT"
else
  echo "campaign: SKIPPED Fsync: strace is missing" >&2
fi

echo "campaign: fuzzing"
scripts/fuzz.sh "${1:-60}"

cp "$STOWAGE_REPORT" docs/campaign.jsonl
cargo run --quiet --locked -p campaign -- report docs/campaign.jsonl >docs/CAMPAIGN.md
echo "campaign: nothing was lost; the report is docs/CAMPAIGN.md"
