#!/usr/bin/env bash
# Installs the pinned build tools into .tools/, each in a Python environment of its own.
#
#   scripts/tools.sh                      all that building and deploying needs
#   scripts/tools.sh cargo-lambda sam     only these
#
# Running it again costs nothing: a tool that is already there in the right version is left alone.
# Nothing outside the checkout changes, with one exception: as root on a system with apt, a missing
# python3-venv package is installed.
set -euo pipefail
. "$(dirname "$0")/env.sh"
# Environments are made with the machine's own Python, not with the one of an environment.
PATH="${PATH#"$STOWAGE_TOOLS/cargo-lambda/bin:"}"

# The one list of tools and versions.
version_of() {
  case "$1" in
    cargo-lambda) echo "1.9.2" ;;
    sam) echo "1.170.0" ;;
    cfn-lint) echo "1.58.0" ;;
    schemathesis) echo "4.32.5" ;;
    *) return 1 ;;
  esac
}
package_of() {
  case "$1" in
    sam) echo "aws-sam-cli" ;;
    *) echo "$1" ;;
  esac
}
note_of() {
  case "$1" in
    cargo-lambda) echo "builds and runs the functions; half a gigabyte on disk, it brings the zig linker" ;;
    sam) echo "validates, builds and deploys template.yaml" ;;
    cfn-lint) echo "checks the other CloudFormation templates" ;;
    schemathesis) echo "tries the API against its document" ;;
  esac
}

say() { printf 'tools: %s\n' "$*"; }
fail() {
  printf 'tools: error: %s\n' "$*" >&2
  exit 1
}

lock=""
release() { if [ -n "$lock" ]; then rm -rf "$lock"; lock=""; fi; }
trap release EXIT
trap 'exit 130' INT TERM

# Two makes at once must not build the same environment; the second waits for the first.
acquire() {
  local wanted="$STOWAGE_TOOLS/.lock-$1" holder waited=0
  until mkdir "$wanted" 2>/dev/null; do
    holder="$(cat "$wanted/pid" 2>/dev/null || true)"
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
      rm -rf "$wanted"
      continue
    fi
    [ "$waited" -ne 0 ] || say "$1: another process is installing it, waiting"
    waited=$((waited + 1))
    [ "$waited" -lt 900 ] || fail "$1: gave up waiting; if nothing is installing it, remove .tools/.lock-$1"
    sleep 1
  done
  lock="$wanted"
  echo "$$" >"$lock/pid"
}

# Prints a Python that can make virtual environments, or explains what to install.
find_python() {
  local candidate found=""
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      found="$candidate"
      break
    fi
  done
  if [ -z "$found" ]; then
    fail "Python 3.10 or newer is needed. macOS: brew install python3. Debian, Ubuntu: apt-get install python3 python3-venv. Or name one with PYTHON=/path/to/python3."
  fi
  if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      say "python3-venv is missing, installing it with apt-get" >&2
      { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } >&2 </dev/null ||
        fail "apt-get could not install python3-venv; install it and run this again."
    fi
    "$found" -c 'import ensurepip, venv' 2>/dev/null ||
      fail "$found cannot make virtual environments. Debian, Ubuntu: sudo apt-get install python3-venv, then run this again."
  fi
  command -v "$found"
}

install_tool() {
  local name="$1" version package home stamp want python log started
  version="$(version_of "$name")" || fail "unknown tool '$name' (known: cargo-lambda, sam, cfn-lint, schemathesis)"
  package="$(package_of "$name")"
  home="$STOWAGE_TOOLS/$name"
  stamp="$home/.installed"
  # The path is part of the stamp: a virtual environment does not survive moving the checkout.
  want="$package==$version in $home"

  if [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && [ -x "$home/bin/$name" ]; then
    say "$name $version: ready"
    return 0
  fi

  mkdir -p "$STOWAGE_TOOLS"
  acquire "$name"
  if [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && [ -x "$home/bin/$name" ]; then
    release
    say "$name $version: ready"
    return 0
  fi

  python="$(find_python)"
  started="$(date +%s)"
  log="$STOWAGE_TOOLS/$name.log"
  say "$name $version: installing into .tools/$name ($(note_of "$name"))"
  rm -rf "$home"
  if ! "$python" -m venv "$home" >"$log" 2>&1 ||
    ! "$home/bin/python" -m pip install --disable-pip-version-check --no-input --quiet \
      "$package==$version" >>"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    fail "$name could not be installed (whole log: .tools/$name.log). Is PyPI reachable? pip's own settings (PIP_INDEX_URL, proxies) are honoured."
  fi
  [ -x "$home/bin/$name" ] || fail "$package has no program named $name"
  echo "$want" >"$stamp"
  release
  say "$name $version: ready after $(($(date +%s) - started)) s"
}

if [ "$#" -eq 0 ]; then set -- cargo-lambda sam cfn-lint; fi
for tool in "$@"; do install_tool "$tool"; done
