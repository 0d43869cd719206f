#!/bin/bash
# Brings a fleet to another release, a few nodes at a time. Each node finishes its jobs before its code is switched.
#
#   deploy/scripts/deploy-to-workers.sh [WORKERS_FILE] [options]
#
#   WORKERS_FILE            lines of worker_id,ip,worker_type (deploy/config/workers.prod.txt)
#   --at-once N             nodes in work at the same time (1)
#   --only ID               this node alone; repeatable
#   --ref REF               the commit to deploy (KTRDR_BRANCH, else HEAD)
#   --archive FILE          a release that build-release.sh made, instead of --ref
#   --rollback              back to the release that each node had before
#   --drain-timeout S       how long a node may finish its jobs (600); then it takes work again, and is reported as busy
#   --interrupt             stop a node that is not done by then; its work goes to another one
#   --healthy-timeout S     how long a node may take to connect (60); then its old release comes back
#   --dry-run               print the actions, and do nothing
#
# Starts no further node after one that did not come back healthy. Prints a table at the end with the outcome of each node.
# The exit code is 0 when every node has the release. Run it again to go on: it leaves nodes alone that have the release.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/scripts/common.sh
source "$ROOT/deploy/scripts/common.sh"

workers_file=$ROOT/deploy/config/workers.prod.txt
at_once=1 archive='' rollback=no only=() options=() ref=()
DRY_RUN=no
while (($# > 0)); do
  case "$1" in
    --at-once) at_once=$(value "$@"); shift 2 ;;
    --only) only+=("$(value "$@")"); shift 2 ;;
    --ref) ref=(--ref "$(value "$@")"); shift 2 ;;
    --archive) archive=$(value "$@"); shift 2 ;;
    --rollback) rollback=yes; shift ;;
    --drain-timeout | --healthy-timeout)
      whole_number "$1" "$(value "$@")"
      options+=("$1" "$2")
      shift 2
      ;;
    --interrupt) options+=(--interrupt); shift ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --help) help_of "$0"; exit ;;
    -*) fail "unknown option: $1" "See --help." ;;
    *) workers_file=$1; shift ;;
  esac
done
whole_number --at-once "$at_once"
need ssh
[[ -r "$workers_file" ]] || fail "$workers_file cannot be read" "Name a file with lines of worker_id,ip,worker_type."

ids=() ips=() types=()
read_workers() {
  local line number=0 id ip type
  while IFS= read -r line || [[ -n "$line" ]]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [[ "$line" =~ ^[[:space:]]*(#|$) ]] && continue
    IFS=, read -r id ip type _ <<< "$line"
    [[ "$id" =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] || fail "$workers_file:$number: \"$id\" is no worker id" "Write worker_id,ip,worker_type."
    address_number "$ip" > /dev/null || fail "$workers_file:$number: \"$ip\" is no address" "Write worker_id,ip,worker_type."
    [[ "$type" =~ ^(backtesting|cpu_training|gpu_host)$ ]] || fail "$workers_file:$number: \"$type\" is no worker type" "Use backtesting, cpu_training or gpu_host."
    [[ " ${ids[*]} " != *" $id "* ]] || fail "$workers_file:$number: $id is there twice" "Remove one of the lines."
    ids+=("$id") ips+=("$ip") types+=("$type")
  done < "$workers_file"
}

is_wanted() { [[ ${#only[@]} -eq 0 || " ${only[*]} " == *" $1 "* ]]; }

read_workers
for id in "${only[@]}"; do
  [[ " ${ids[*]} " == *" $id "* ]] || fail "$id is not in $workers_file" "It has: ${ids[*]}."
done
chosen=()
for index in "${!ids[@]}"; do is_wanted "${ids[index]}" && chosen+=("$index"); done
((${#chosen[@]} > 0)) || fail "$workers_file names no workers" "Write lines of worker_id,ip,worker_type, or make them with: ktrdr config plan"

if [[ $rollback == no && $DRY_RUN == no ]]; then
  [[ -n "$archive" ]] || archive=$("$ROOT/deploy/scripts/build-release.sh" "${ref[@]}")
  [[ -r "$archive" && -r "$archive.sha256" ]] || fail "$archive or its .sha256 cannot be read" "build-release.sh makes both."
  sha256=$(cut -d ' ' -f 1 "$archive.sha256")
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ssh_words=(-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15)

# shellcheck disable=SC2029 # The words are made here and meant to be.
on_node() { ssh "${ssh_words[@]}" "${KTRDR_SSH_USER:-root}@$1" "$2"; }

# update_node <index>: writes the result to a file, and the output to the terminal with the node's name before each line.
update_node() {
  local index=$1 began=$SECONDS status=0 words
  local id=${ids[index]} ip=${ips[index]} type=${types[index]}
  : > "$work/$id.log"
  if [[ $rollback == yes ]]; then
    words="--rollback"
  else
    local target
    target=/opt/ktrdr/incoming/$(basename "$archive")
    on_node "$ip" "mkdir -p /opt/ktrdr/incoming && cat > $target.partial && mv $target.partial $target" < "$archive" || status=255
    words="--archive $target --sha256 $sha256"
  fi
  if ((status == 0)); then
    on_node "$ip" "bash -s -- --type $type $words ${options[*]}" \
      < "$ROOT/deploy/scripts/update-code.sh" > "$work/$id.log" 2>&1 || status=$?
  fi
  local result release
  result=$(sed -n 's/^result=\([^ ]*\).*/\1/p' "$work/$id.log" | tail -n 1)
  release=$(sed -n 's/^result=.* release=\([^ ]*\).*/\1/p' "$work/$id.log" | tail -n 1)
  ((status == 255)) && result=unreachable
  printf '%s,%s,%s,%s\n' "$status" "${result:-failed}" "${release:--}" "$((SECONDS - began))" > "$work/$id.result"
  if ((status != 0)) && [[ -s "$work/$id.log" ]]; then sed "s/^/$id: /" "$work/$id.log" >&2; fi
  say "$id ($ip): ${result:-failed}"
}

if [[ $DRY_RUN == yes ]]; then
  for index in "${chosen[@]}"; do
    if [[ $rollback == yes ]]; then what="roll back"; else what="drain, switch to ${archive:-a release of ${ref[1]:-${KTRDR_BRANCH:-HEAD}}}, start"; fi
    say "would $what: ${ids[index]} (${ips[index]}, ${types[index]})"
  done
  say "$at_once at once, ${#chosen[@]} in all"
  exit
fi

failed=no
for ((next = 0; next < ${#chosen[@]}; next += at_once)); do
  batch=("${chosen[@]:next:at_once}")
  for index in "${batch[@]}"; do update_node "$index" & done
  wait
  for index in "${batch[@]}"; do
    IFS=, read -r status _ < "$work/${ids[index]}.result"
    ((status == 0)) || failed=yes
  done
  [[ $failed == no ]] || break
done

printf '\n'
format='%-24s %-15s %-13s %-12s %-34s %7s\n'
# shellcheck disable=SC2059
printf "$format" WORKER IP TYPE RESULT RELEASE SECONDS
for index in "${chosen[@]}"; do
  result=not-tried release=- seconds=-
  [[ -f "$work/${ids[index]}.result" ]] && IFS=, read -r _ result release seconds < "$work/${ids[index]}.result"
  # shellcheck disable=SC2059
  printf "$format" "${ids[index]}" "${ips[index]}" "${types[index]}" "$result" "$release" "$seconds"
done
if [[ $failed == yes ]]; then
  fail "a node did not come to the release, so the rest was not tried" "Look at its lines above and at journalctl there, then run this again."
fi
