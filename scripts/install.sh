#!/bin/sh
# Installs the single-file executable of a release: curl -fsSL ADDRESS/install.sh | sh
#   DYNAMO_RELEASE  address of the folder with the files of a release; the copy in a release knows its own
#   DYNAMO_BIN      folder for the executable; default: ~/.local/bin
# Nothing is installed unless its SHA-256 is that of SHA256SUMS. With GitHub's command line (gh), the build's provenance is
# checked as well.
set -eu

release=${DYNAMO_RELEASE:-@RELEASE@}
bin=${DYNAMO_BIN:-$HOME/.local/bin}

fail() {
  echo "error: $1" >&2
  echo "fix: $2" >&2
  exit "$3"
}

case $release in
  @*) fail 'this copy of install.sh knows no release.' 'DYNAMO_RELEASE=https://… sh install.sh' 64 ;;
esac
[ "$(uname -s)" = Linux ] || fail "the executable runs on Linux, not on $(uname -s)." 'npm install --global dynamo-launcher' 78
case $(uname -m) in
  x86_64 | amd64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no executable for $(uname -m)." 'npm install --global dynamo-launcher' 78 ;;
esac
for tool in curl gzip sha256sum; do
  command -v "$tool" >/dev/null || fail "$tool is not installed." "install $tool, then run this again" 78
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

name=dynamo-linux-$arch.gz
get() {
  # A server that stops sending does not keep us for ever.
  curl -fsSL --connect-timeout 20 --speed-limit 1000 --speed-time 30 -o "$1" "$release/$1" ||
    fail "$release/$1 could not be downloaded." "curl -fLO $release/$1   # shows why" 69
}
get SHA256SUMS
get "$name"
grep "[ *]$name\$" SHA256SUMS >wanted || fail "SHA256SUMS of $release does not list $name." 'use another release' 69
sha256sum -c wanted >/dev/null 2>&1 ||
  fail "$name is not the file that SHA256SUMS lists; nothing was installed." 'run this again; if it stays, report it' 69
case $release in
  https://github.com/*/releases/*)
    repository=${release#https://github.com/}
    repository=${repository%%/releases/*}
    if command -v gh >/dev/null; then
      gh attestation verify "$name" --repo "$repository" >/dev/null ||
        fail "$name has no provenance of $repository; nothing was installed." "gh attestation verify $name --repo $repository   # shows why" 69
      checked="SHA-256 and provenance match"
    fi
    ;;
esac

gzip -dc "$name" >dynamo
chmod 755 dynamo
version=$(./dynamo --version) || fail 'the executable does not start here.' 'npm install --global dynamo-launcher' 78
mkdir -p "$bin"
# Beside its place first: a program that runs keeps its own file.
cp dynamo "$bin/.dynamo.$$" && mv -f "$bin/.dynamo.$$" "$bin/dynamo" || fail "$bin cannot be written." 'DYNAMO_BIN=/another/folder sh install.sh' 73
echo "installed dynamo $version as $bin/dynamo (${checked:-SHA-256 matches})"
case :$PATH: in
  *:"$bin":*) ;;
  *) echo "add it to your PATH: export PATH=\"$bin:\$PATH\"" ;;
esac
