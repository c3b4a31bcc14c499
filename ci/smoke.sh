#!/usr/bin/env bash
# Runs `dynamo smoke` for a CI system and returns its exit code. On GitHub it also sets the outputs of the step.
#   DYNAMO_PROFILES  profiles, or --all (the default)     DYNAMO_ARGS     more options, split at spaces
#   DYNAMO_ENGINE    default: sim                         DYNAMO_RESULTS  folder for junit.xml and the logs of every run
#   DYNAMO_TIMEOUT   seconds to become ready
set -euo pipefail
bin="$(dirname "${BASH_SOURCE[0]}")/../bin/dynamo.js"
results=${DYNAMO_RESULTS:-dynamo-smoke}
read -ra profiles <<<"${DYNAMO_PROFILES:---all}"
read -ra more <<<"${DYNAMO_ARGS:-}"
[ -z "${DYNAMO_TIMEOUT:-}" ] || more=(--timeout "$DYNAMO_TIMEOUT" "${more[@]}")
code=0
node "$bin" smoke "${profiles[@]}" --engine "${DYNAMO_ENGINE:-sim}" \
  --junit "$results/junit.xml" --artifacts "$results" "${more[@]}" || code=$?
{
  echo "junit=$results/junit.xml"
  echo "passed=$([ "$code" = 0 ] && echo true || echo false)"
} >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"
