#!/bin/bash
# Packs one commit as the archive that machines of a fleet get: the same bytes for the same commit.
#
#   deploy/scripts/build-release.sh [--ref REF] [--out FOLDER]
#
#   --ref REF      what to pack (KTRDR_BRANCH, else HEAD)
#   --out FOLDER   where it goes (dist/releases)
#
# Prints the archive's path; its SHA-256 is beside it, in a file of the same name with .sha256 at the end.
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
need git tar gzip sha256sum node

commit=$(git -C "$ROOT" rev-parse --verify --quiet "$ref^{commit}") || fail "there is no commit $ref" "Name a branch, a tag or a commit."
version=$(git -C "$ROOT" show "$commit:package.json" | sed -n 's/^  "version": "\(.*\)",$/\1/p')
name=ktrdr-$version-${commit:0:12}
mkdir -p "$out"
archive=$(cd "$out" && pwd)/$name.tar.gz
if [[ -f "$archive" && -f "$archive.sha256" ]]; then
  say "$archive"
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
parts=(protocol compute-node cli deploy src durable-objects package.json package-lock.json)
mkdir "$work/tree"
git -C "$ROOT" archive "$commit" "${parts[@]}" | tar -x -C "$work/tree"
find "$work/tree" -name '*.test.ts' -delete
# The training kernels are compiled here, so that no node needs the compiler.
ln -s "$ROOT/node_modules" "$work/tree/node_modules"
(cd "$work/tree" && node compute-node/training/kernels/build.ts) >&2
rm "$work/tree/node_modules"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  --mtime="@$(git -C "$ROOT" show -s --format=%ct "$commit")" -C "$work/tree" . | gzip -n > "$archive.partial"
mv "$archive.partial" "$archive"
(cd "$out" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
say "$archive"
