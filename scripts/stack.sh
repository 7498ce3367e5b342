# For scripts that try the development stack; it is sourced after `env.sh`, and wants a function `say`.
#
#   begin_work                    makes `work`, a folder that is gone at the end with everything that runs
#   use_stack [NAME=VALUE ..]     starts a stack with data of its own in `data`, with these variables, and names its
#                                 facts in STOWAGE_FACTS; where that names a stack already, it is used as it is
#   run_tests COMMAND ..          runs the tests; its status is theirs

work=""
data=""
stack=""
run=""

stop_all() {
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

# A relative path is one of the caller's folder.
absolute() {
  case "$1" in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
  esac
}

begin_work() {
  work="$(mktemp -d "${TMPDIR:-/tmp}/stowage-tests.XXXXXX")"
  trap stop_all EXIT
  trap 'exit 130' INT TERM
  # Jobs in groups of their own: Ctrl-C reaches this script alone, and it stops them in order.
  set -m
}

use_stack() {
  if [ -n "${STOWAGE_FACTS:-}" ]; then
    STOWAGE_FACTS="$(absolute "$STOWAGE_FACTS")"
    export STOWAGE_FACTS
    return 0
  fi
  "$STOWAGE_ROOT/scripts/tools.sh" cargo-lambda
  say "building the stack (the first time takes minutes)"
  (cd "$STOWAGE_ROOT" && cargo build --locked -p stowage-dev)
  data="$work/data"
  mkdir "$data"
  export STOWAGE_FACTS="$data/dev.json"
  say "starting the stack"
  (
    cd "$STOWAGE_ROOT"
    exec env STOWAGE_DATA_DIR="$data" "$@" cargo run --locked -p stowage-dev
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
}

run_tests() {
  local status=0
  "$@" </dev/null &
  run=$!
  wait "$run" || status=$?
  run=""
  return "$status"
}
