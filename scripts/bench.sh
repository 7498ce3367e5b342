#!/usr/bin/env bash
# Installs the peers that are pinned in bench/peers, builds what is measured, and measures.
#
#   scripts/bench.sh                    everything, and writes docs/BENCHMARKS.md and docs/benchmarks.json
#   scripts/bench.sh --quick            less, and compares with docs/benchmarks.json
#   scripts/bench.sh --only images      one part: images, functions or sizes; the documents stay as they are
#
# Peers are installed into .tools/ on first use, from npm and PyPI, and again when their versions change.
set -euo pipefail
. "$(dirname "$0")/env.sh"
# Environments are made with the machine's own Python, not with the one of an environment.
PATH="${PATH#"$STOWAGE_TOOLS/cargo-lambda/bin:"}"
cd "$STOWAGE_ROOT"

say() { printf 'bench: %s\n' "$*" >&2; }
fail() {
  printf 'bench: error: %s\n' "$*" >&2
  exit 1
}

# node_peers NAME FOLDER: the packages of FOLDER's lock file, in .tools/NAME/node_modules.
node_peers() {
  local home="$STOWAGE_TOOLS/$1"
  cmp -s "$2/package-lock.json" "$home/node_modules/.installed" && return
  command -v npm >/dev/null || fail "Node 20 or newer is needed: https://nodejs.org"
  say "installing the packages of $2 into .tools/$1"
  mkdir -p "$home"
  cp "$2/package.json" "$2/package-lock.json" "$home"
  (cd "$home" && npm ci --no-audit --no-fund --loglevel=error </dev/null >&2)
  cp "$2/package-lock.json" "$home/node_modules/.installed"
}

# python_peers NAME FOLDER: the packages of FOLDER's requirements, in the environment .tools/NAME.
python_peers() {
  local home="$STOWAGE_TOOLS/$1"
  cmp -s "$2/requirements.txt" "$home/.installed" && return
  say "installing the packages of $2 into .tools/$1"
  rm -rf "$home"
  "${PYTHON:-python3}" -m venv "$home" ||
    fail "Python 3.10 or newer with venv is needed. Debian, Ubuntu: apt-get install python3 python3-venv"
  "$home/bin/python" -m pip install --disable-pip-version-check --no-input --quiet -r "$2/requirements.txt" >&2 </dev/null
  cp "$2/requirements.txt" "$home/.installed"
}

quick=0
for argument in "$@"; do
  [ "$argument" = --quick ] && quick=1
done

node_peers bench-node bench/peers/node
python_peers bench-python bench/peers/python
if [ "$quick" = 0 ]; then
  node_peers bench-functions bench/peers/functions
  python_peers bench-functions-python bench/peers/functions
  NODE_PATH="$STOWAGE_TOOLS/bench-functions/node_modules" "$STOWAGE_TOOLS/bench-functions/node_modules/.bin/esbuild" \
    bench/peers/functions/issue.mjs --bundle --minify --platform=node --target=node20 --format=cjs --log-level=warning \
    --outfile="$STOWAGE_TOOLS/bench-functions/issue.cjs"
  say "building issue-upload as it is deployed (the first time takes minutes)"
  cargo build --locked --profile deploy -p issue-upload
fi

cargo build --locked --release -p stowage-bench
exec target/release/stowage-bench "$@"
