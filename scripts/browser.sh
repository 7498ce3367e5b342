#!/usr/bin/env bash
# Uploads with the published Uppy packages, clients/typescript and the console, in Chromium, against the development stack.
#
#   scripts/browser.sh             starts a stack with data of its own, tests, stops it
#   STOWAGE_FACTS=.local/dev.json scripts/browser.sh
#                                  tests the stack that runs already
#
# Needs Node 20 with npm, and Chromium (STOWAGE_CHROMIUM names one that is not found by itself); as root on a system
# with apt, a missing Chromium is installed. Without them nothing is tested and that is no failure, unless CI_STRICT=1.
# STOWAGE_BROWSER_ONLY is a pattern of `version mode / scenario`; STOWAGE_BROWSER_TABLE is a file for the table of results;
# STOWAGE_ARTIFACTS is a folder for pictures, target/browser where it is not set.
set -euo pipefail
. "$(dirname "$0")/env.sh"
tests="$STOWAGE_ROOT/tests/browser"

say() { printf 'browser: %s\n' "$*"; }
skip() {
  if [ "${CI_STRICT:-0}" = 1 ]; then
    printf 'browser: error: %s\n' "$*" >&2
    exit 1
  fi
  say "SKIPPED: $*"
  exit 0
}
# A relative path is one of the caller's folder.
absolute() {
  case "$1" in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
  esac
}

find_chromium() {
  local candidate
  for candidate in "${STOWAGE_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Chromium.app/Contents/MacOS/Chromium" \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    [ -n "$candidate" ] || continue
    command -v "$candidate" 2>/dev/null && return 0
  done
  return 1
}

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || skip "Node and npm are missing"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] ||
  skip "Node $(node --version) is too old, 20 is needed"
if [ -n "${STOWAGE_CHROMIUM:-}" ] && ! command -v "$STOWAGE_CHROMIUM" >/dev/null 2>&1; then
  skip "STOWAGE_CHROMIUM names no program: $STOWAGE_CHROMIUM"
fi
if ! find_chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  say "installing Chromium with apt-get"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
    >/dev/null </dev/null || true
fi
STOWAGE_CHROMIUM="$(find_chromium)" || skip "Chromium is missing"
export STOWAGE_CHROMIUM
if [ -n "${STOWAGE_BROWSER_TABLE:-}" ]; then
  STOWAGE_BROWSER_TABLE="$(absolute "$STOWAGE_BROWSER_TABLE")"
  export STOWAGE_BROWSER_TABLE
fi
if [ -n "${STOWAGE_ARTIFACTS:-}" ]; then
  STOWAGE_ARTIFACTS="$(absolute "$STOWAGE_ARTIFACTS")"
  export STOWAGE_ARTIFACTS
fi

for folder in "$tests" "$STOWAGE_ROOT/clients/typescript"; do
  "$STOWAGE_ROOT/scripts/packages.sh" "$folder" || skip "npm could not install the packages of $folder"
done

work="$(mktemp -d "${TMPDIR:-/tmp}/stowage-browser.XXXXXX")"
data=""
stack=""
run=""
stop() {
  trap '' INT TERM
  if [ -n "$run" ]; then
    kill -TERM "$run" 2>/dev/null || true
    wait "$run" 2>/dev/null || true
  fi
  if [ -n "$stack" ]; then
    kill -INT "$stack" 2>/dev/null || true
    wait "$stack" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM
# Jobs in groups of their own: Ctrl-C reaches this script alone, and it stops them in order.
set -m

if [ -n "${STOWAGE_FACTS:-}" ]; then
  STOWAGE_FACTS="$(absolute "$STOWAGE_FACTS")"
else
  "$STOWAGE_ROOT/scripts/tools.sh" cargo-lambda
  say "building the stack (the first time takes minutes)"
  (cd "$STOWAGE_ROOT" && cargo build --locked -p stowage-dev)
  data="$work/data"
  mkdir "$data"
  STOWAGE_FACTS="$data/dev.json"
  say "starting the stack"
  (
    cd "$STOWAGE_ROOT"
    STOWAGE_DATA_DIR="$data" exec cargo run --locked -p stowage-dev
  ) >"$data/stack.log" 2>&1 </dev/null &
  stack=$!
  until [ -s "$STOWAGE_FACTS" ]; do
    if ! kill -0 "$stack" 2>/dev/null; then
      tail -n 40 "$data/stack.log" >&2
      say "the stack did not start" >&2
      exit 1
    fi
    sleep 1
  done
fi
export STOWAGE_FACTS

status=0
mkdir "$work/tmp"
(cd "$tests" && TMPDIR="$work/tmp" exec node --test --test-reporter=spec --test-concurrency=1 ./*.test.js) </dev/null &
run=$!
wait "$run" || status=$?
run=""
if [ "$status" -ne 0 ] && [ -n "$data" ]; then
  say "the end of the functions' log:"
  tail -n 60 "$data/functions.log" || true
fi
exit "$status"
