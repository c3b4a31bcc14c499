#!/usr/bin/env bash
# Prints `key=…` for a cache of npm downloads, which depends on the locked dependencies and the platform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
node -e '
  const lock = require("node:fs").readFileSync("package-lock.json");
  const hash = require("node:crypto").createHash("sha256").update(lock).digest("hex").slice(0, 16);
  console.log(`key=dynamo-npm-${process.platform}-${process.arch}-${hash}`);'
