#!/usr/bin/env bash
# Installs the package for the GitHub Action, and tells the next steps where it is. It needs no other package.
#   DYNAMO_PACKAGE     a tarball, or name@version; default: that of the release of this version
#   ACTION_REPOSITORY  owner/name that the action comes from; empty in a checkout of it, whose package is made first
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
prefix=${RUNNER_TEMP:-$HOME}/dynamo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

package=${DYNAMO_PACKAGE:-}
version=$(node -p 'require(process.argv[1]).version' "$here/package.json")
if [ -z "$package" ] && [ -n "${ACTION_REPOSITORY:-}" ]; then
  release=${GITHUB_SERVER_URL:-https://github.com}/$ACTION_REPOSITORY/releases/download/v$version
  name=dynamo-launcher-$version.tgz
  (
    cd "$work"
    curl -fsSL --connect-timeout 20 --max-time 300 -O "$release/$name" -O "$release/SHA256SUMS"
    grep "[ *]$name\$" SHA256SUMS | sha256sum -c --quiet -
  )
  package=$work/$name
elif [ -z "$package" ]; then
  package=$(cd "$here" && npm ci --no-audit --no-fund --loglevel=error >&2 && node scripts/package.js --out "$work")
fi
npm install --global --prefix "$prefix" --no-audit --no-fund --loglevel=error "$package" >&2
installed=$prefix/lib/node_modules/dynamo-launcher
echo "DYNAMO_INSTALLED=$installed" >>"${GITHUB_ENV:-/dev/null}"
echo "$prefix/bin" >>"${GITHUB_PATH:-/dev/null}"
echo "version=$("$prefix/bin/dynamo" --version)" | tee -a "${GITHUB_OUTPUT:-/dev/null}"
