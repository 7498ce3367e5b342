#!/usr/bin/env bash
# Fuzzes everything that reads what strangers send, one target after the other.
#
#   scripts/fuzz.sh                every target for 60 seconds
#   scripts/fuzz.sh 300            every target for 300 seconds
#   scripts/fuzz.sh 60 images      only these targets
#   scripts/fuzz.sh keep           move what earlier runs found into the committed corpora, at most 100 inputs a target
#
# Installs cargo-fuzz into .tools/ on first use and builds in fuzz/target with the installed stable Rust. Inputs that
# crash a target lie in fuzz/artifacts. With STOWAGE_REPORT set, each target adds a line of JSON to that file.
set -euo pipefail
. "$(dirname "$0")/env.sh"
# A relative path of the report is one of the caller's folder.
case "${STOWAGE_REPORT:-}" in
  "" | /*) report="${STOWAGE_REPORT:-}" ;;
  *) report="$PWD/$STOWAGE_REPORT" ;;
esac
cd "$STOWAGE_ROOT/fuzz"

version=0.13.1
tool="$STOWAGE_TOOLS/cargo-fuzz/bin/cargo-fuzz"
if [ "$("$tool" --version 2>/dev/null || true)" != "cargo-fuzz $version" ]; then
  echo "fuzz: installing cargo-fuzz $version into .tools/"
  cargo install cargo-fuzz --version "$version" --root "$STOWAGE_TOOLS/cargo-fuzz" --locked --quiet
fi

seconds=60
keep=no
case "${1:-}" in
  keep) keep=yes && shift ;;
  [1-9]*) seconds="$1" && shift ;;
esac
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(events keys json filenames seals ranges images jpeg forms)

# Instrumentation is behind a switch that stable Rust has but hides.
export RUSTC_BOOTSTRAP=1
host="$(rustc -vV | sed -n 's/^host: //p')"
sanitizer=none
for runtime in "$(rustc --print target-libdir)"/librustc-*_rt.asan.*; do
  [ ! -e "$runtime" ] || sanitizer=address
done
"$tool" build --codegen-units 16 --target "$host" --sanitizer "$sanitizer"

# Freed memory is kept for a while to catch its use; more than this would count as the target's own.
export ASAN_OPTIONS="detect_odr_violation=0:detect_leaks=0:quarantine_size_mb=16"
shared="$STOWAGE_ROOT/../shared/corpus"
failed=()

longest_input() {
  case "$1" in
    images) echo 16384 ;;
    *) echo 4096 ;;
  esac
}

run() {
  local name="$1" program="target/$host/release/$1" found="target/corpus/$1" log="target/$1.log" status=0
  local started runs took crashes=0
  mkdir -p "$found" "artifacts/$name"
  if [ "$keep" = yes ]; then
    rm -rf "target/kept"
    mkdir -p "target/kept"
    "$program" -set_cover_merge=1 -timeout=10 -max_len=1536 target/kept "corpus/$name" "$found" 2>"$log"
    rm -rf "corpus/$name" "$found"
    # Names are digests, so the first hundred are any hundred.
    find target/kept -type f | sort | tail -n +101 | while IFS= read -r input; do rm "$input"; done
    mv target/kept "corpus/$name"
    echo "fuzz: $name: $(find "corpus/$name" -type f | wc -l | tr -d ' ') inputs"
    return
  fi
  started=$SECONDS
  : >"$log"
  local limits=(-rss_limit_mb=512 -timeout=10 "-artifact_prefix=artifacts/$name/")
  # Damaged images made by others are tried as they are, and nothing that is kept derives from them.
  if [ "$name" = images ] && [ -d "$shared" ]; then
    "$program" -runs=0 -max_len=8388608 "${limits[@]}" "$shared/pngsuite" "$shared/image-rs" >>"$log" 2>&1 || status=$?
  fi
  if [ "$status" -eq 0 ]; then
    "$program" "-max_total_time=$seconds" "-max_len=$(longest_input "$name")" -print_final_stats=1 "${limits[@]}" \
      "$found" "corpus/$name" >>"$log" 2>&1 || status=$?
  fi
  took=$((SECONDS - started))
  runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  if [ "$status" -ne 0 ]; then
    crashes=1
    failed+=("$name")
    tail -n 40 "$log" >&2
  fi
  echo "fuzz: $name: ${runs:-0} runs in $took s, $crashes crashes"
  if [ -n "$report" ]; then
    printf '{"fuzz":"%s","runs":%s,"seconds":%s,"crashes":%s}\n' "$name" "${runs:-0}" "$took" "$crashes" >>"$report"
  fi
}

for name in "${targets[@]}"; do run "$name"; done

if [ "${#failed[@]}" -gt 0 ]; then
  echo "fuzz: crashed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2
  exit 1
fi
