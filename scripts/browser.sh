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
. "$(dirname "$0")/stack.sh"
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

begin_work
use_stack
mkdir "$work/tmp"
in_the_browser() {
  cd "$tests"
  TMPDIR="$work/tmp" exec node --test --test-reporter=spec --test-concurrency=1 ./*.test.js
}
status=0
run_tests in_the_browser || status=$?
if [ "$status" -ne 0 ] && [ -n "$data" ]; then
  say "the end of the functions' log:"
  tail -n 60 "$data/functions.log" || true
fi
exit "$status"
