#!/usr/bin/env bash
# Installs the npm packages of a folder as its lock file names them, where they are not there yet.
#
#   scripts/packages.sh clients/typescript
set -euo pipefail
cd "$1"

# They are installed again only where the list of them has changed.
stamp="node_modules/.installed"
if ! cmp -s package-lock.json "$stamp"; then
  printf 'packages: installing those of %s\n' "$1"
  npm ci --no-audit --no-fund --loglevel=error </dev/null
  cp package-lock.json "$stamp"
fi
