#!/usr/bin/env bash
# Builds every function of template.yaml into .aws-sam/build and prints how large each one is.
# ARCH (x86_64, arm64) and LTO (thin, fat, off) come from the environment. Run scripts/tools.sh first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$STOWAGE_ROOT"

arch="${ARCH:-x86_64}"
case "$arch" in
  x86_64) target=x86_64-unknown-linux-gnu ;;
  arm64) target=aarch64-unknown-linux-gnu ;;
  *)
    echo "sam-build: ARCH must be x86_64 or arm64, not '$arch'" >&2
    exit 2
    ;;
esac

# cargo-lambda brings the linker; the target's standard library has to be there already.
if [ ! -d "$(rustc --print target-libdir --target "$target" 2>/dev/null || true)" ]; then
  echo "sam-build: Rust's $target is not installed. Run this once: rustup target add $target" >&2
  exit 1
fi

# sam always builds with --release, so the link-time optimisation of a deployment is chosen here.
CARGO_PROFILE_RELEASE_LTO="${LTO:-thin}"
export CARGO_PROFILE_RELEASE_LTO

"$STOWAGE_TOOLS/sam/bin/sam" build --beta-features --parameter-overrides "Architecture=$arch" </dev/null

echo
for binary in .aws-sam/build/*/bootstrap; do
  [ -f "$binary" ] || continue
  name="$(basename "$(dirname "$binary")")"
  printf '%-28s %6s KiB\n' "$name" "$(($(wc -c <"$binary") / 1024))"
done
