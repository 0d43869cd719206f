#!/bin/bash
# Clones the template, checks that the clone has the environment of a node and no code, and removes the clone.
# Runs on a Proxmox host, as root.
#
#   deploy/proxmox/validate-template.sh [--template-id ID] [--dry-run]
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/scripts/common.sh
source "$ROOT/deploy/scripts/common.sh"

template_id=9000
DRY_RUN=no
while (($# > 0)); do
  case "$1" in
    --template-id) template_id=$(value "$@"); shift 2 ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --help) help_of "$0"; exit ;;
    *) fail "unknown word: $1" "See --help." ;;
  esac
done
whole_number --template-id "$template_id"
need pct pvesh
config=$(pct config "$template_id" 2> /dev/null) || fail "there is no container $template_id" "Make it with: deploy/proxmox/create-base-template.sh --template-id $template_id"
grep -q '^template: 1' <<< "$config" || fail "container $template_id is no template" "Name the template's number with --template-id."

clone_id=$(pvesh get /cluster/nextid | tr -d '"')
made=no
clean_up() {
  [[ $made == yes ]] || return 0
  pct stop "$clone_id" 2> /dev/null || true
  pct destroy "$clone_id" --purge
}
trap clean_up EXIT

run pct clone "$template_id" "$clone_id" --hostname "ktrdr-template-check-$clone_id"
[[ $DRY_RUN == yes ]] || made=yes
run pct start "$clone_id"
if [[ $DRY_RUN == yes ]]; then
  say "would check: Node, npm, curl, systemd, ssh, no code; then remove container $clone_id"
  exit
fi

faults=0
# check <what it shows> <command in the clone...>
check() {
  local what=$1
  shift
  if pct exec "$clone_id" -- "$@" > /dev/null 2>&1; then
    say "ok      $what"
  else
    say "FAULT   $what"
    faults=$((faults + 1))
  fi
}
# shellcheck disable=SC2016 # For the shell in the clone.
check_clone() {
  check "Node 24 runs" bash -c '[[ $(/opt/ktrdr/node/bin/node --version) == v24.* ]]'
  check "npm runs" env PATH=/opt/ktrdr/node/bin:/usr/bin:/bin npm --version
  check "curl, tar, flock and sha256sum are there" bash -c 'type curl tar flock sha256sum'
  check "systemd runs" bash -c 'for _ in $(seq 30); do [[ -d /run/systemd/system ]] && exit 0; sleep 1; done; exit 1'
  check "ssh is installed" test -x /usr/sbin/sshd
  check "there is no code" bash -c '[[ -z $(ls -A /opt/ktrdr/releases) ]]'
  check "no credential and no settings are left" bash -c '[[ ! -e /var/lib/ktrdr && -z $(ls -A /etc/ktrdr) ]]'
}
check_clone
((faults == 0)) || fail "template $template_id has $faults faults" "Remove it (pct destroy $template_id) and make it again with create-base-template.sh."
say "Template $template_id is fit for nodes."
