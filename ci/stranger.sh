#!/usr/bin/env bash
# What somebody does who has just found this: installs the package in an empty root that has Node, npm and a shell only, and
# asks for an answer; then clones the repository and runs the tests. Prints how long each step took. Needs root, and iproute2.
#   ci/stranger.sh package   only the first half
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(readlink -f "$(command -v npm)")")/..

timed() {
  local began=$EPOCHREALTIME
  "${@:2}"
  printf '%6d.%d s  %s\n' $(((${EPOCHREALTIME/./} - ${began/./}) / 1000000)) $(((${EPOCHREALTIME/./} - ${began/./}) / 100000 % 10)) "$1"
}

# A program with its libraries, under the same paths.
add() {
  local file
  for file in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
}

make_root() {
  mkdir -p "$root"/{bin,dev,etc,proc,root,tmp,usr/bin}
  add "$node"
  add "$(readlink -f /bin/sh)"
  add /usr/bin/env
  cp "$root$(readlink -f /bin/sh)" "$root/bin/sh"
  [ -e "$root/usr/bin/node" ] || ln -s "$node" "$root/usr/bin/node"
  mkdir -p "$root/usr/lib/node_modules"
  cp -r "$npm" "$root/usr/lib/node_modules/npm"
}

# With loopback only. Nothing of it is seen by, or outlives, the rest of the machine: its processes end with the first one.
inside() {
  unshare --mount --pid --net --fork --kill-child sh -c '
    root=$1; shift
    mount -t proc proc "$root/proc"
    for each in null zero urandom; do : >"$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
    ip link set lo up
    exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root "$@"' sh "$root" "$@"
}

install_package() { inside node /usr/lib/node_modules/npm/bin/npm-cli.js install -g --offline --no-audit --no-fund --prefix /usr "$1"; }

answer() {
  inside node -e '
    const { spawnSync } = require("node:child_process");
    const dynamo = (...words) => {
      const { status, stdout, stderr } = spawnSync("/usr/bin/dynamo", words, { encoding: "utf8" });
      if (status !== 0) throw new Error(`dynamo ${words.join(" ")} ended with ${status}:\n${stderr}`);
      return stdout;
    };
    const ask = async () => {
      const { url, model } = JSON.parse(dynamo("up", "disagg", "--detach", "--json", "--engine", "sim"));
      const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello!" }], max_tokens: 16 });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body });
      const { choices, usage } = await response.json();
      if (usage.completion_tokens !== 16) throw new Error("no whole answer");
      console.log(`answer: ${choices[0].message.content.slice(0, 60)}`);
      dynamo("down", "--quiet");
    };
    ask().catch((error) => { console.error(error.message); process.exit(1); });'
}

[ -f dist/main.js ] || npm run --silent build
tarball=$(node scripts/package.js --out "$work" 2>/dev/null)
make_root
cp "$tarball" "$root/tmp/"
timed 'install the package, in an empty root without a network' install_package "/tmp/$(basename "$tarball")" >"$work/log" || { cat "$work/log" >&2; exit 1; }
tail -1 "$work/log"
timed 'up disagg, an answer, down' answer
[ "${1:-}" != package ] || exit 0

clone=$work/clone
timed 'git clone' git clone --quiet . "$clone"
cd "$clone"
timed 'npm ci, which builds' npm ci --no-audit --no-fund --loglevel=error >"$work/log"
tail -1 "$work/log"
npm_test() { npm test >"$work/log" 2>&1 || { tail -50 "$work/log" >&2; exit 1; }; }
timed 'npm test' npm_test
grep -E '^ *(Test Files|Tests) ' "$work/log" || true
