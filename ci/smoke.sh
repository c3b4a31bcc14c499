#!/usr/bin/env bash
# Runs `dynamo smoke` for a CI system and returns its exit code.
#   DYNAMO_PROFILES  profiles, or --all (the default)     DYNAMO_ARGS     more options, split at spaces
#   DYNAMO_ENGINE    default: sim                         DYNAMO_RESULTS  folder for junit.xml and the logs of every run
set -euo pipefail
bin="$(dirname "${BASH_SOURCE[0]}")/../bin/dynamo.js"
results=${DYNAMO_RESULTS:-dynamo-smoke}
read -ra profiles <<<"${DYNAMO_PROFILES:---all}"
read -ra more <<<"${DYNAMO_ARGS:-}"
exec node "$bin" smoke "${profiles[@]}" --engine "${DYNAMO_ENGINE:-sim}" \
  --junit "$results/junit.xml" --artifacts "$results" "${more[@]}"
