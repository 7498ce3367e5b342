#!/usr/bin/env bash
# Tries the development stack with thousands of requests that docs/openapi.json allows, or nearly allows: every answer
# has to be one that the document names, and none a failure of the server.
#
#   scripts/schemathesis.sh             starts a stack with data of its own, tests, stops it
#   scripts/schemathesis.sh --include-path /api/v1/files
#                                       hands options on to `schemathesis run`
#   STOWAGE_FACTS=.local/dev.json scripts/schemathesis.sh
#                                       tests the stack that runs already; files come and go in it
#
# Needs Python 3.10 and, once, PyPI. Without them nothing is tested and that is no failure, unless CI_STRICT=1.
# STOWAGE_OPENAPI names another document.
set -euo pipefail
. "$(dirname "$0")/env.sh"
tests="$STOWAGE_ROOT/tests/schemathesis"
document="${STOWAGE_OPENAPI:-$STOWAGE_ROOT/docs/openapi.json}"

say() { printf 'schemathesis: %s\n' "$*"; }
if ! "$STOWAGE_ROOT/scripts/tools.sh" schemathesis; then
  if [ "${CI_STRICT:-0}" = 1 ]; then
    say "error: schemathesis could not be installed" >&2
    exit 1
  fi
  say "SKIPPED: schemathesis could not be installed"
  exit 0
fi

work="$(mktemp -d "${TMPDIR:-/tmp}/stowage-schemathesis.XXXXXX")"
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

facts="${STOWAGE_FACTS:-}"
if [ -z "$facts" ]; then
  "$STOWAGE_ROOT/scripts/tools.sh" cargo-lambda
  say "building the stack (the first time takes minutes)"
  (cd "$STOWAGE_ROOT" && cargo build --locked -p stowage-dev)
  data="$work/data"
  mkdir "$data"
  facts="$data/dev.json"
  say "starting the stack"
  (
    cd "$STOWAGE_ROOT"
    # What is tried here is not the limit of uploads a minute: behind it the same requests would all end alike.
    STORAGE_ISSUES_PER_MINUTE=1000000 STOWAGE_DATA_DIR="$data" exec cargo run --locked -p stowage-dev
  ) >"$data/stack.log" 2>&1 </dev/null &
  stack=$!
  until [ -s "$facts" ]; do
    if ! kill -0 "$stack" 2>/dev/null; then
      tail -n 40 "$data/stack.log" >&2
      say "the stack did not start" >&2
      exit 1
    fi
    sleep 1
  done
fi

known="$(python3 "$tests/prepare.py" "$facts" "$STOWAGE_ROOT/dev/assets/photo.jpg" "$work")"
eval "$known"
# The lists lie beside the configuration that names them.
cp "$tests/schemathesis.toml" "$work/"

status=0
(
  cd "$work"
  PYTHONPATH="$tests" PYTHONDONTWRITEBYTECODE=1 exec "$STOWAGE_TOOLS/schemathesis/bin/schemathesis" \
    --config-file "$work/schemathesis.toml" run "$document" --url "$STOWAGE_API" "$@"
) </dev/null &
run=$!
wait "$run" || status=$?
run=""
if [ "$status" -ne 0 ] && [ -n "$data" ]; then
  say "what the functions warned of:"
  grep -E '(ERROR|WARN) request' "$data/functions.log" | tail -n 20 || true
fi
exit "$status"
