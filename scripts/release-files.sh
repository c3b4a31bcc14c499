#!/usr/bin/env bash
# Completes the files of a release beside its executables: scripts/release-files.sh FOLDER ADDRESS. Adds the npm package, the
# licences of what is bundled, an install script that knows the ADDRESS, and SHA256SUMS.
set -euo pipefail
folder=$(realpath "$1")
address=$2
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -f dist/main.js ] || npm run --silent build
node scripts/package.js --out "$folder"
tar -xzOf "$folder"/dynamo-launcher-*.tgz package/THIRD-PARTY-LICENSES >"$folder/THIRD-PARTY-LICENSES"
sed "s|@RELEASE@|$address|" scripts/install.sh >"$folder/install.sh"
cd "$folder"
rm -f SHA256SUMS
sha256sum -- * >SHA256SUMS
