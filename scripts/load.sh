#!/usr/bin/env bash
# Puts the whole local stack under load, beside Node and Python, and writes target/bench/load.md and load.jsonl.
# About five minutes on two cores, once everything is built.
#
#   scripts/load.sh                                  1, 4, 16 and 32 requests at once
#   scripts/load.sh --levels 1,4 --seconds 1 --seed 7
#
# Release builds of the functions answer; the peers are installed into .tools/ on first use, from npm and PyPI.
set -euo pipefail
. "$(dirname "$0")/env.sh"
# Environments are made with the machine's own Python, not with the one of an environment.
PATH="${PATH#"$STOWAGE_TOOLS/cargo-lambda/bin:"}"
cd "$STOWAGE_ROOT"

say() { printf 'load: %s\n' "$*" >&2; }
fail() {
  printf 'load: error: %s\n' "$*" >&2
  exit 1
}

packages="bench/peers/load"
home="$STOWAGE_TOOLS/bench-load"
mkdir -p "$home"
if ! cmp -s "$packages/package-lock.json" "$home/node_modules/.installed"; then
  command -v npm >/dev/null || fail "Node 20 or newer is needed: https://nodejs.org"
  say "installing the packages of $packages into .tools/bench-load"
  cp "$packages/package.json" "$packages/package-lock.json" "$home"
  (cd "$home" && npm ci --no-audit --no-fund --loglevel=error </dev/null >&2)
  cp "$packages/package-lock.json" "$home/node_modules/.installed"
fi
if ! cmp -s "$packages/requirements.txt" "$home/python/.installed"; then
  say "installing the packages of $packages into .tools/bench-load/python"
  rm -rf "$home/python"
  "${PYTHON:-python3}" -m venv "$home/python" ||
    fail "Python 3.10 or newer with venv is needed. Debian, Ubuntu: apt-get install python3 python3-venv"
  "$home/python/bin/python" -m pip install --disable-pip-version-check --no-input --quiet -r "$packages/requirements.txt" \
    >&2 </dev/null
  cp "$packages/requirements.txt" "$home/python/.installed"
fi

# program FILE COMMAND ..: a file that becomes the command when it is run.
program() {
  local file="$1"
  shift
  {
    echo '#!/bin/sh'
    printf 'exec'
    printf ' %q' "$@"
    echo
  } >"$file"
  chmod +x "$file"
}

peers="target/bench/peers"
mkdir -p "$peers"
node="$(command -v node)"
for route in presign=bench/peers/functions/issue resolve=bench/peers/load/resolve; do
  name="${route%%=*}"
  source="${route#*=}"
  NODE_PATH="$home/node_modules" "$home/node_modules/.bin/esbuild" "$source.mjs" --bundle --minify --platform=node \
    --target=node20 --format=cjs --log-level=warning --outfile="$peers/$name.cjs"
  program "$peers/node-$name" "$node" "$PWD/$peers/$name.cjs"
  program "$peers/python-$name" "$home/python/bin/python" -B "$PWD/$source.py"
done

cargo build --locked --release -p issue-upload -p complete-upload -p resolve-url -p delete-file
cargo build --locked --release -p stowage-load
exec target/release/stowage-load --functions target/release --peers "$peers" --out target/bench "$@"
