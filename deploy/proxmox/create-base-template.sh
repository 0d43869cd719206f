#!/bin/bash
# Makes the Proxmox container template of ktrdr's nodes: Debian and Node, the environment only, no code.
# Code changes with every deployment and comes from deploy-to-workers.sh; the template hardly ever changes.
# Runs on a Proxmox host, as root. Leaves an existing template alone.
#
#   deploy/proxmox/create-base-template.sh [options]
#
#   --template-id ID    the container's number (9000)
#   --storage NAME      where its disk goes (local-lvm)
#   --bridge NAME       its network, with DHCP while it is made (vmbr0)
#   --image NAME        the system it starts from (debian-12-standard_12.7-1_amd64.tar.zst), downloaded when it is missing
#   --ssh-keys FILE     who may log in as root on the nodes (/root/.ssh/authorized_keys)
#   --dry-run           print the commands that change something, and run none of them
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/scripts/common.sh
source "$ROOT/deploy/scripts/common.sh"

NODE_VERSION=24.21.0
TEMPLATE_NAME=ktrdr-worker-base
template_id=9000 storage=local-lvm bridge=vmbr0 ssh_keys=/root/.ssh/authorized_keys
image=debian-12-standard_12.7-1_amd64.tar.zst
DRY_RUN=no
while (($# > 0)); do
  case "$1" in
    --template-id) template_id=$(value "$@"); shift 2 ;;
    --storage) storage=$(value "$@"); shift 2 ;;
    --bridge) bridge=$(value "$@"); shift 2 ;;
    --image) image=$(value "$@"); shift 2 ;;
    --ssh-keys) ssh_keys=$(value "$@"); shift 2 ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --help) help_of "$0"; exit ;;
    *) fail "unknown word: $1" "See --help." ;;
  esac
done
whole_number --template-id "$template_id"
need pct pveam
[[ -r "$ssh_keys" ]] || fail "$ssh_keys cannot be read" "Name a file of public keys with --ssh-keys."

if config=$(pct config "$template_id" 2> /dev/null); then
  if grep -q '^template: 1' <<< "$config" && grep -q "^hostname: $TEMPLATE_NAME\$" <<< "$config"; then
    say "Template $TEMPLATE_NAME is there already (ID: $template_id)."
    exit
  fi
  fail "container $template_id is taken by $(sed -n 's/^hostname: //p' <<< "$config")" "Choose another with --template-id."
fi

if ! pveam list local | grep -q "vztmpl/$image"; then
  run pveam update
  run pveam download local "$image"
fi

made=no
# Removes a half-made container, so that the next try starts clean.
clean_up() {
  [[ $made == yes ]] || return 0
  pct stop "$template_id" 2> /dev/null || true
  pct destroy "$template_id" --purge || true
}
trap clean_up EXIT

[[ $DRY_RUN == yes ]] || made=yes
run pct create "$template_id" "local:vztmpl/$image" --hostname "$TEMPLATE_NAME" --memory 2048 --cores 2 \
  --storage "$storage" --rootfs "$storage:8" --unprivileged 1 --features nesting=1 \
  --net0 "name=eth0,bridge=$bridge,ip=dhcp" --ssh-public-keys "$ssh_keys"
run pct start "$template_id"

# Runs inside the container. Each clone makes its own identity (machine id, host keys).
install_environment() {
  pct exec "$template_id" -- bash -euo pipefail -s "$NODE_VERSION" << 'INSIDE'
version=$1
for _ in $(seq 60); do getent hosts nodejs.org > /dev/null && break; sleep 1; done
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get upgrade -y -qq
apt-get install -y -qq --no-install-recommends ca-certificates curl openssh-server xz-utils
case "$(uname -m)" in
  x86_64) machine=x64 ;;
  aarch64) machine=arm64 ;;
  *) echo "error: no Node for $(uname -m)" >&2; exit 1 ;;
esac
archive=node-v$version-linux-$machine.tar.xz
cd /tmp
curl -fsSLO "https://nodejs.org/dist/v$version/$archive"
curl -fsSL "https://nodejs.org/dist/v$version/SHASUMS256.txt" | grep " $archive\$" | sha256sum --check --quiet
mkdir -p /opt/ktrdr/node /opt/ktrdr/releases /etc/ktrdr
tar -xJf "$archive" -C /opt/ktrdr/node --strip-components=1 --no-same-owner
rm -f "$archive"
ln -sfn /opt/ktrdr/node/bin/node /usr/local/bin/node
apt-get clean
rm -rf /var/lib/apt/lists/*
rm -f /etc/ssh/ssh_host_*
truncate -s 0 /etc/machine-id
INSIDE
}
if [[ $DRY_RUN == yes ]]; then
  say "would run: pct exec $template_id -- (install curl, ssh and Node $NODE_VERSION below /opt/ktrdr/node)"
else
  install_environment
fi
run pct stop "$template_id"
run pct template "$template_id"
made=no
[[ $DRY_RUN == yes ]] || say "Template $TEMPLATE_NAME is made (ID: $template_id). Try it with: deploy/proxmox/validate-template.sh --template-id $template_id"
