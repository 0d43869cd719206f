#!/bin/bash
# Makes one node from the template: a container with its address, the code, the service. Runs on a Proxmox host, as root.
# Completes a node that exists already instead of making it again.
#
#   deploy/proxmox/provision-worker.sh ID TYPE IP --archive FILE [options]
#
#   ID                  a number (1 of type backtesting becomes ktrdr-backtest-1), or the whole name
#   TYPE                backtesting, cpu_training or gpu_host
#   IP                  its address
#   --archive FILE      the release, from build-release.sh
#   --backend-url URL   the control plane (http://192.168.1.100:8787)
#   --subnet NET        the network that IP must be in (192.168.1.0/24)
#   --gateway IP        its gateway (192.168.1.1)
#   --bridge NAME       its bridge (vmbr0)
#   --storage NAME      for a full copy on that storage; otherwise a linked clone beside the template
#   --cores N           processors (4)
#   --memory-mb N       memory (8192)
#   --template-id ID    the template (9000)
#   --vmid ID           the container's number (the cluster's next free one)
#   --device PATH       a device of this host that the node may use, such as /dev/dri/renderD128; repeat for more. A gpu_host
#                       needs its GPU: for NVIDIA /dev/nvidia0, /dev/nvidiactl and /dev/nvidia-uvm
#   --check             check that it could be made, and change nothing
#   --dry-run           the same, and print the commands
#
# Reads the enrolment token from ENROLMENT_TOKEN (`ktrdr enrol` makes one), so that no list of processes shows it.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/scripts/common.sh
source "$ROOT/deploy/scripts/common.sh"

words=() devices=()
archive='' backend_url=http://192.168.1.100:8787 subnet=192.168.1.0/24 gateway=192.168.1.1 bridge=vmbr0 storage=''
cores=4 memory_mb=8192 template_id=9000 vmid='' check=no
DRY_RUN=no
while (($# > 0)); do
  case "$1" in
    --archive) archive=$(value "$@"); shift 2 ;;
    --backend-url) backend_url=$(value "$@"); shift 2 ;;
    --subnet) subnet=$(value "$@"); shift 2 ;;
    --gateway) gateway=$(value "$@"); shift 2 ;;
    --bridge) bridge=$(value "$@"); shift 2 ;;
    --storage) storage=$(value "$@"); shift 2 ;;
    --cores) cores=$(value "$@"); shift 2 ;;
    --memory-mb) memory_mb=$(value "$@"); shift 2 ;;
    --template-id) template_id=$(value "$@"); shift 2 ;;
    --vmid) vmid=$(value "$@"); shift 2 ;;
    --device) devices+=("$(value "$@")"); shift 2 ;;
    --check) check=yes; shift ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --help) help_of "$0"; exit ;;
    -*) fail "unknown option: $1" "See --help." ;;
    *) words+=("$1"); shift ;;
  esac
done
((${#words[@]} == 3)) || fail "ID, TYPE and IP are needed" "Such as: provision-worker.sh 1 backtesting 192.168.1.201"
type=${words[1]} ip=${words[2]}
word=$(type_word "$type")
id=${words[0]}
[[ "$id" =~ ^[0-9]+$ ]] && id=ktrdr-$word-$id
# A host name, since the container bears it.
[[ "$id" =~ ^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$ ]] || fail "\"$id\" is no host name" "Use letters, digits and '-'."
[[ "$backend_url" =~ ^https?://[A-Za-z0-9.:/_-]+$ ]] || fail "\"$backend_url\" is no URL" "Such as http://192.168.1.100:8787."
in_subnet "$ip" "$subnet" || fail "$ip is not an address for a host in $subnet" "Correct the address, or name its network with --subnet."
in_subnet "$gateway" "$subnet" || fail "the gateway $gateway is not in $subnet" "Correct --gateway or --subnet."
[[ "$ip" != "$gateway" ]] || fail "$ip is the gateway's address" "Choose another address."
for pair in "--cores $cores" "--memory-mb $memory_mb" "--template-id $template_id"; do
  # shellcheck disable=SC2086 # A flag and its number.
  whole_number $pair
done
for device in "${devices[@]}"; do
  [[ "$device" =~ ^/dev/[A-Za-z0-9/_-]+$ && -e "$device" ]] || fail "\"$device\" is no device of this host" "Look for it with: ls /dev/dri /dev/nvidia*"
done
[[ "$type" != gpu_host ]] || ((${#devices[@]} > 0)) || fail "a gpu_host needs the host's GPU" "Name it with --device, such as /dev/dri/renderD128."
need pct pvesh ping flock
pct config "$template_id" 2> /dev/null | grep -q '^template: 1' \
  || fail "there is no template $template_id" "Make it with: deploy/proxmox/create-base-template.sh --template-id $template_id"

has_address() { pct config "$1" 2> /dev/null | grep -Eq "^net[0-9]+:.*[,]ip=${ip//./\\.}/"; }

# Sets `found` to the container with our name and address. Fails when another container or machine has either.
found=''
while read -r other name; do
  if [[ "$name" == "$id" ]]; then
    has_address "$other" || fail "the name $id is taken by container $other, which has another address" "Choose another ID, or remove that container."
    found=$other
  elif has_address "$other"; then
    fail "the address $ip is taken by container $other ($name)" "Choose another address."
  fi
done < <(pct list | awk 'NR > 1 { print $1, $NF }')

if [[ -n "$found" ]]; then
  [[ -z "$vmid" || "$vmid" == "$found" ]] || fail "$id is there already as container $found, not $vmid" "Leave --vmid out."
  vmid=$found
else
  if [[ -n "$vmid" ]] && pct status "$vmid" > /dev/null 2>&1; then
    fail "container $vmid is taken" "Leave --vmid out to get a free one."
  fi
  if ping -c 1 -W 1 "$ip" > /dev/null 2>&1; then
    fail "the address $ip is taken: a machine answers there" "Choose another address."
  fi
fi
if [[ $check == yes ]]; then
  if [[ -n "$found" ]]; then what="there already as container $found"; else what="can be made"; fi
  say "$id ($ip, $type): $what"
  exit
fi
if [[ $DRY_RUN == no ]]; then
  [[ -r "$archive" && -r "$archive.sha256" ]] || fail "--archive is missing, or has no .sha256 beside it" "Make both with: deploy/scripts/build-release.sh"
fi

# The next free number stays the same until a clone takes it. So only one script at a time asks; the copies then overlap.
clone() {
  exec 8> "${KTRDR_PROVISION_LOCK:-/run/lock/ktrdr-provision.lock}"
  flock 8
  [[ -n "$vmid" ]] || vmid=$(pvesh get /cluster/nextid | tr -d '"')
  local full=()
  [[ -z "$storage" ]] || full=(--full --storage "$storage")
  run pct clone "$template_id" "$vmid" --hostname "$id" "${full[@]}" &
  local cloning=$!
  until pct status "$vmid" > /dev/null 2>&1 || ! kill -0 "$cloning" 2> /dev/null; do sleep 0.2; done
  flock --unlock 8
  wait "$cloning" || fail "container $vmid could not be cloned from $template_id" "Look at what pct says above."
}
[[ -n "$found" ]] || clone

device_words=()
for index in "${!devices[@]}"; do device_words+=("--dev$index" "path=${devices[index]},mode=0666"); done
run pct set "$vmid" --cores "$cores" --memory "$memory_mb" --features nesting=1 --onboot 1 \
  --net0 "name=eth0,bridge=$bridge,ip=$ip/${subnet#*/},gw=$gateway" "${device_words[@]}"
if ! pct status "$vmid" 2> /dev/null | grep -q running; then run pct start "$vmid"; fi
if [[ $DRY_RUN == yes ]]; then
  say "would put the release in place, install the service ktrdr-worker@$type as $id, and wait until it is connected"
  exit
fi

# shellcheck disable=SC2016 # For the shell in the container.
pct exec "$vmid" -- bash -c 'for _ in $(seq 60); do [[ -d /run/systemd/system ]] && exit 0; sleep 1; done; exit 1' \
  || fail "container $vmid does not come up" "Look at it with: pct console $vmid"
pct exec "$vmid" -- bash -c 'ssh-keygen -A > /dev/null && systemctl restart ssh'

if [[ "$type" == gpu_host ]]; then
  # Installs the Vulkan loader and the drivers of AMD and Intel. NVIDIA's libraries must match the host's version, so not those.
  vulkan=(libvulkan1 libxext6)
  if [[ "${devices[*]}" == */dev/nvidia* ]]; then
    say "$id: install NVIDIA's driver of this host's version in container $vmid, with --no-kernel-modules; \`ktrdr doctor\` there finds the GPU then."
  else
    vulkan+=(mesa-vulkan-drivers)
  fi
  # shellcheck disable=SC2016 # For the shell in the container.
  pct exec "$vmid" -- bash -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"' \
    install "${vulkan[@]}"
fi

target=/opt/ktrdr/incoming/$(basename "$archive")
pct exec "$vmid" -- mkdir -p /opt/ktrdr/incoming
pct push "$vmid" "$archive" "$target"
pct push "$vmid" "$ROOT/deploy/scripts/update-code.sh" /opt/ktrdr/update-code.sh --perms 0755
pct exec "$vmid" -- /opt/ktrdr/update-code.sh --install-only --type "$type" --archive "$target" \
  --sha256 "$(cut -d ' ' -f 1 "$archive.sha256")"

# Without a token, a machine that joined before comes back with the credential that it has.
# shellcheck disable=SC2016 # For the shell in the container.
printf '%s' "${ENROLMENT_TOKEN:-}" | pct exec "$vmid" -- bash -c \
  'ENROLMENT_TOKEN=$(cat) exec "$@"' install /opt/ktrdr/node/bin/node "/opt/ktrdr/$type/cli/ktrdr.js" node install \
  --url "$backend_url" --type "$type" --worker-id "$id"
say "$id is a node (container $vmid, $ip)."
