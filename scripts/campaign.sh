#!/usr/bin/env bash
# Tries every counted guarantee in full, misses each safeguard once, fuzzes, and writes docs/CAMPAIGN.md with the lines it
# is made from. About 40 minutes on two cores. Needs strace, and a Linux that lets it trace.
#
#   scripts/campaign.sh         everything, each fuzz target for 60 seconds
#   scripts/campaign.sh 300     the same with 300 seconds
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$STOWAGE_ROOT"

if ! strace -f -o /dev/null true 2>/dev/null; then
  echo "campaign: strace is missing or may not trace; install it first (Debian: apt-get install strace)" >&2
  exit 1
fi
[ -d ../shared/corpus ] || echo "campaign: ../shared/corpus is not there: only generated files are tried" >&2

export STOWAGE_REPORT="$STOWAGE_ROOT/target/campaign.jsonl"
mkdir -p target
: >"$STOWAGE_REPORT"

echo "campaign: every counted test in full"
STOWAGE_COUNTS=full cargo test --workspace --locked --no-fail-fast

echo "campaign: builds without one safeguard"
switched() {
  cargo test --workspace --locked --features crash-tests/switches,storage-local/switches "$@"
}
switched --test safeguards
# What is not on disk is lost only with the power, so this one shows in the order of system calls.
durable="g53_data_and_folder_are_synced_before_a_write_is_acknowledged"
switched --test fs "$durable"
if STORAGE_TEST_SAFEGUARD_OFF=Fsync switched --test fs "$durable" >target/durable.log 2>&1 ||
  ! grep -q "on disk" target/durable.log; then
  echo "campaign: nobody misses Fsync" >&2
  exit 1
fi
echo '{"guarantee":"SAFEGUARDS","off":"Fsync","trials":1,"found":"the order of system calls"}' >>"$STOWAGE_REPORT"

echo "campaign: fuzzing"
scripts/fuzz.sh "${1:-60}"

cargo run --quiet --locked -p campaign -- report "$STOWAGE_REPORT" >target/CAMPAIGN.md
cp "$STOWAGE_REPORT" docs/campaign.jsonl
cp target/CAMPAIGN.md docs/CAMPAIGN.md
echo "campaign: nothing was lost; the report is docs/CAMPAIGN.md"
