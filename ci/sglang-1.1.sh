#!/usr/bin/env bash
# Tests SGLang of Dynamo 1.1.1 on the CPU, by hand: it needs 12 GB more, so .ci/run does not include it. `dynamo setup` creates
# a separate environment for it, which is removed at the end.
#   ci/sglang-1.1.sh                                    agg: up, proof, down, nothing left
#   ci/sglang-1.1.sh --testNamePattern=agg_router       other tests of test/sglang
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
export XDG_DATA_HOME=$work/data XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/run
mkdir -p "$XDG_RUNTIME_DIR"
trap 'rm -rf "$work"' EXIT

[ -f dist/main.js ] || npm run --silent build
node bin/dynamo.js setup --engine sglang --version 1.1.1 --no-adopt
export DYNAMO_TEST_SGLANG=$XDG_DATA_HOME/dynamo/envs/sglang-1.1.1
if ! ldconfig -p | grep -q 'libcuda\.so\.1'; then
  echo 'no NVIDIA driver found: using a stub library without a device'
  test/sglang/stub-libcuda.sh "$DYNAMO_TEST_SGLANG" "$work/libcuda"
  export LD_LIBRARY_PATH=$work/libcuda
fi
(($# > 0)) || set -- '--testNamePattern=agg answers'
npm run --silent test:sglang -- --reporter=verbose "$@"
