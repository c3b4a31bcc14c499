#!/usr/bin/env bash
# Installs and builds this checkout, unless it has been built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -f dist/main.js ] || npm ci --no-audit --no-fund --prefer-offline
node bin/dynamo.js --version
