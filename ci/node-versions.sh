#!/usr/bin/env bash
# Tests the package that users install under every supported Node: it starts a deployment that
# answers, and stops it. Other versions: ci/node-versions.sh 21 23.11.1
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

versions=("$@")
((${#versions[@]} > 0)) || versions=(20.19.0 22 24 latest)

work=$(mktemp -d)
place=$work/place/node_modules/.bin
export XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/run XDG_CACHE_HOME=$work/cache
mkdir -p "$work/place" "$XDG_RUNTIME_DIR"
path=$PATH
under=
finish() {
  local code=$?
  ((code == 0)) || echo "FAILED${under:+ under Node $under}" >&2
  PATH=$path "$place/dynamo" down --all --quiet || true
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT

quiet=(--no-audit --no-fund --loglevel=error)
[ -f dist/main.js ] || npm run --silent build
tarball=$(node scripts/package.js --out "$work" 2>/dev/null)
npm install --prefix "$work/place" "${quiet[@]}" "$tarball" >/dev/null

# npm has the binaries of Node as packages, one per platform.
wanted=()
for version in "${versions[@]}"; do wanted+=("v$version@npm:node-linux-$(node -p process.arch)@$version"); done
npm install --prefix "$work/nodes" --ignore-scripts "${quiet[@]}" "${wanted[@]}" >/dev/null

for version in "${versions[@]}"; do
  under=$version
  PATH=$work/nodes/node_modules/v$version/bin:$path
  "$place/dynamo" up agg --quiet --engine sim --detach --json >"$work/up.json"
  url=$(sed -n 's/^  "url": "\(.*\)",$/\1/p' "$work/up.json")
  body='{"model":"Qwen/Qwen3-0.6B","messages":[{"role":"user","content":"Hello!"}],"max_tokens":16}'
  answer=$(curl -sSf --max-time 20 "$url/v1/chat/completions" -H 'Content-Type: application/json' -d "$body")
  grep -q '"completion_tokens":16' <<<"$answer" || { echo "no answer: $answer" >&2; exit 1; }
  "$place/dynamo" down --quiet
  if pgrep -af "$work/place/.*/dist/sim.js" >&2; then
    echo 'these processes are left after down' >&2
    exit 1
  fi
  # From Node 22.1 on, commands keep what Node compiled.
  if [ "$(node -p 'typeof module.constructor.enableCompileCache')" = function ] &&
    ! compgen -G "$XDG_CACHE_HOME/dynamo/compiled/$(node --version)*/*" >/dev/null; then
    echo 'no compiled command was kept' >&2
    exit 1
  fi
  echo "ok  Node $(node --version)"
done
