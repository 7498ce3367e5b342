#!/usr/bin/env bash
# The TypeScript client: whether its types are those of docs/openapi.json, whether it type-checks, and its tests.
#
#   scripts/client.sh             checks and tests
#   scripts/client.sh generate    writes the types anew
#
# Needs Node 20 with npm. Without them nothing is checked and that is no failure, unless CI_STRICT=1.
set -euo pipefail
. "$(dirname "$0")/env.sh"
client="$STOWAGE_ROOT/clients/typescript"

skip() {
  if [ "${CI_STRICT:-0}" = 1 ]; then
    printf 'client: error: %s\n' "$*" >&2
    exit 1
  fi
  printf 'client: SKIPPED: %s\n' "$*"
  exit 0
}

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || skip "Node and npm are missing"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] ||
  skip "Node $(node --version) is too old, 20 is needed"
"$STOWAGE_ROOT/scripts/packages.sh" "$client" || skip "npm could not install the packages"

cd "$client"
if [ "${1:-}" = generate ]; then
  npm run --silent generate
  exit 0
fi
npm run --silent current || {
  echo "client: the types are not those of docs/openapi.json: run 'make openapi'" >&2
  exit 1
}
npm run --silent check
npm test --silent
