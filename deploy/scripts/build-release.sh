#!/bin/bash
# Packs one commit as the npm package for machines of a fleet. The same commit gives the same bytes.
#
#   deploy/scripts/build-release.sh [--ref REF] [--out FOLDER]
#
#   --ref REF      the commit to pack (KTRDR_BRANCH, else HEAD)
#   --out FOLDER   the folder for the package (dist/releases)
#
# Prints the package's path. Its SHA-256 is beside it in a file with .sha256 at the end, and is the last line of SHA256SUMS.
# `ktrdr node update` takes releases from a folder with SHA256SUMS, or from the same folder behind a URL.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/scripts/common.sh
source "$ROOT/deploy/scripts/common.sh"

ref=${KTRDR_BRANCH:-HEAD}
out=$ROOT/dist/releases
while (($# > 0)); do
  case "$1" in
    --ref) ref=$(value "$@"); shift 2 ;;
    --out) out=$(value "$@"); shift 2 ;;
    --help) help_of "$0"; exit ;;
    *) fail "unknown word: $1" "See --help." ;;
  esac
done
need git tar sha256sum node

commit=$(git -C "$ROOT" rev-parse --verify --quiet "$ref^{commit}") || fail "there is no commit $ref" "Name a branch, a tag or a commit."
version=$(git -C "$ROOT" show "$commit:package.json" | sed -n 's/^  "version": "\(.*\)",$/\1/p')
name=ktrdr-$version-${commit:0:12}
mkdir -p "$out"
out=$(cd "$out" && pwd)
archive=$out/$name.tgz

build() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/tree"
  git -C "$ROOT" archive "$commit" | tar -x -C "$work/tree"
  ln -s "$ROOT/node_modules" "$work/tree/node_modules"
  # Compiles the training kernels, so that no node needs the compiler.
  node --no-warnings "$work/tree/deploy/package/build.ts" --out "$work" >&2
  mv "$work/ktrdr-$version.tgz" "$archive"
  (cd "$out" && sha256sum "$name.tgz" > "$name.tgz.sha256")
}
[[ -f "$archive" && -f "$archive.sha256" ]] || build

{ grep -vF "  $name.tgz" "$out/SHA256SUMS" 2> /dev/null || true; cat "$archive.sha256"; } > "$out/SHA256SUMS.partial"
mv "$out/SHA256SUMS.partial" "$out/SHA256SUMS"
say "$archive"
