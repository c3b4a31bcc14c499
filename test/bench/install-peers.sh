#!/bin/sh
# Installs the supervisors that the bench compares with into a cache folder, not into the project. Reports what cannot be
# installed; the bench runs without it. Programs on PATH are used too. overmind needs tmux from the system's packages.
set -u
folder="${XDG_CACHE_HOME:-$HOME/.cache}/dynamo-bench"
mkdir -p "$folder/bin" "$folder/npm"

try() {
  name="$1"
  shift
  if "$@" >"$folder/$name.log" 2>&1; then
    echo "$name: installed"
    rm "$folder/$name.log"
  else
    echo "$name: not installed; see $folder/$name.log"
    tail -n 1 "$folder/$name.log"
  fi
}

# NAME MODULE VERSION...: the first version that can be had. `go install` also wants a list of all, which a proxy may refuse.
by_go() {
  name="$1" module="$2" build="$folder/go/$1"
  shift 2
  mkdir -p "$build" || return
  for version; do
    printf 'module peer\n\ngo 1.24\n\nrequire %s %s\n' "$module" "$version" >"$build/go.mod"
    rm -f "$build/go.sum"
    (cd "$build" && GOFLAGS=-mod=mod go build -o "$folder/bin/$name" "$module") && return
  done
  return 1
}
by_npm() { npm install --prefix "$folder/npm" --ignore-scripts --no-audit --no-fund "$1"; }
by_pip() {
  [ -x "$folder/python/bin/pip" ] || python3 -m venv "$folder/python" || return
  "$folder/python/bin/pip" install --quiet --disable-pip-version-check "$1"
}

try concurrently by_npm concurrently@9.2.1
try pm2 by_npm pm2@7.0.4
try honcho by_pip honcho==2.0.0
try supervisord by_pip supervisor==4.3.0
try process-compose by_go process-compose github.com/f1bonacc1/process-compose v1.122.0 v1.87.0
try hivemind by_go hivemind github.com/DarthSim/hivemind v1.1.0
try overmind by_go overmind github.com/DarthSim/overmind/v2 v2.5.1
