#!/bin/bash
# Makes every node of a fleet that does not exist yet. Runs on a Proxmox host, as root.
#
#   deploy/proxmox/provision-fleet.sh [FLEET_FILE] [options]
#
#   FLEET_FILE          the fleet (deploy/config/workers.<KTRDR_ENV>.yaml, prod by default)
#   --plan FILE         the lines that `ktrdr config plan` printed elsewhere, for a host without Node
#   --archive FILE      the release, from build-release.sh; made here when left out
#   --at-once N         containers in work at the same time (4)
#   --gpu-device PATH   a device of this host for its nodes of type gpu_host; repeat for more
#   --dry-run           check everything, print the commands, change nothing
#
# Checks every node first. On a wrong network, a taken name or a taken address it makes nothing at all.
# ENROLMENT_TOKEN must allow as many uses as there are nodes: ktrdr enrol --uses 8
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/scripts/common.sh
source "$ROOT/deploy/scripts/common.sh"

gpu_devices=()
fleet_file='' plan_file='' archive='' at_once=4
DRY_RUN=no
while (($# > 0)); do
  case "$1" in
    --plan) plan_file=$(value "$@"); shift 2 ;;
    --archive) archive=$(value "$@"); shift 2 ;;
    --at-once) at_once=$(value "$@"); shift 2 ;;
    --gpu-device) gpu_devices+=(--device "$(value "$@")"); shift 2 ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --help) help_of "$0"; exit ;;
    -*) fail "unknown option: $1" "See --help." ;;
    *) fleet_file=$1; shift ;;
  esac
done
whole_number --at-once "$at_once"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [[ -z "$plan_file" ]]; then
  need node
  plan_file=$work/plan
  file=()
  [[ -z "$fleet_file" ]] || file=(--file "$fleet_file")
  KTRDR_ENV=${KTRDR_ENV:-prod} node "$ROOT/cli/ktrdr.js" config plan "${file[@]}" > "$plan_file"
fi
mapfile -t lines < <(grep -v '^[[:space:]]*\(#\|$\)' "$plan_file")
((${#lines[@]} > 0)) || fail "the fleet has no workers" "Give workers.<type>.count in its file."

# provision <line of the plan> <more words...>
provision() {
  local id ip type cores memory_mb template_id storage bridge subnet gateway backend_url
  IFS=, read -r id ip type cores memory_mb template_id storage bridge subnet gateway backend_url <<< "$1"
  shift
  [[ -n "$backend_url" ]] || fail "the plan's line for \"$id\" is too short" "Make it with: ktrdr config plan"
  local devices=()
  [[ "$type" != gpu_host ]] || devices=("${gpu_devices[@]}")
  "$ROOT/deploy/proxmox/provision-worker.sh" "$id" "$type" "$ip" --cores "$cores" --memory-mb "$memory_mb" \
    --template-id "$template_id" --storage "$storage" --bridge "$bridge" --subnet "$subnet" --gateway "$gateway" \
    --backend-url "$backend_url" "${devices[@]}" "$@"
}

for line in "${lines[@]}"; do
  provision "$line" --check || fail "nothing was made, since ${line%%,*} could not be" "Correct what is said above and run this again."
done
if [[ $DRY_RUN == yes ]]; then
  for line in "${lines[@]}"; do provision "$line" --dry-run; done
  exit
fi
[[ -n "$archive" ]] || archive=$("$ROOT/deploy/scripts/build-release.sh")

failed=0
for ((next = 0; next < ${#lines[@]}; next += at_once)); do
  for line in "${lines[@]:next:at_once}"; do
    id=${line%%,*}
    (
      status=0
      provision "$line" --archive "$archive" > "$work/$id.log" 2>&1 || status=$?
      printf '%s' "$status" > "$work/$id.status"
      sed "s/^/$id: /" "$work/$id.log"
    ) &
  done
  wait
  for line in "${lines[@]:next:at_once}"; do
    [[ $(cat "$work/${line%%,*}.status") == 0 ]] || failed=$((failed + 1))
  done
  ((failed == 0)) || break
done

printf '\n'
printf '%-24s %-15s %-13s %s\n' WORKER IP TYPE RESULT
for line in "${lines[@]}"; do
  IFS=, read -r id ip type _ <<< "$line"
  result=not-tried
  if [[ -f "$work/$id.status" ]]; then
    if [[ $(cat "$work/$id.status") == 0 ]]; then result=ready; else result=failed; fi
  fi
  printf '%-24s %-15s %-13s %s\n' "$id" "$ip" "$type" "$result"
done
((failed == 0)) || fail "$failed nodes could not be made, so the rest was not tried" "Correct what is said above and run this again; what is there stays."
