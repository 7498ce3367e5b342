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
. "$(dirname "$0")/stack.sh"
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

begin_work
# What is tried here is not the limit of uploads a minute: behind it the same requests would all end alike.
use_stack STORAGE_ISSUES_PER_MINUTE=1000000
known="$(python3 "$tests/prepare.py" "$STOWAGE_FACTS" "$STOWAGE_ROOT/dev/assets/photo.jpg" "$work")"
eval "$known"
# The lists lie beside the configuration that names them.
cp "$tests/schemathesis.toml" "$work/"

requests() {
  cd "$work"
  PYTHONPATH="$tests" PYTHONDONTWRITEBYTECODE=1 exec "$STOWAGE_TOOLS/schemathesis/bin/schemathesis" \
    --config-file "$work/schemathesis.toml" run "$document" --url "$STOWAGE_API" "$@"
}
status=0
run_tests requests "$@" || status=$?
if [ "$status" -ne 0 ] && [ -n "$data" ]; then
  say "what the functions warned of:"
  grep -E '(ERROR|WARN) request' "$data/functions.log" | tail -n 20 || true
fi
exit "$status"
