#!/bin/bash
# Brings a node to another release. Runs on the node, as root; deploy-to-workers.sh sends it there.
#
#   update-code.sh --archive FILE --sha256 HEX --type TYPE [options]
#   update-code.sh --rollback --type TYPE [options]
#
#   --install-only          put the code in place, and start nothing: for a machine that is no node yet
#   --drain-timeout S       how long the node may finish what it runs (600); then it says busy, and interrupts nothing
#   --interrupt             stop the node when that time is over; the registry hands its work to another one
#   --healthy-timeout S     how long the new release may take to connect (60); then the one before comes back
#
# TYPE is backtesting, cpu_training or gpu_host, or control_plane on the machine that serves the fleet.
# Releases lie side by side below /opt/ktrdr/releases; the link /opt/ktrdr/TYPE is switched when nothing of the type runs.
# Its last line is `result=… release=… previous=…`. It ends with 0 for updated, unchanged and rolled-back (when asked for),
# 3 for rolled-back because the new release did not come up, 4 for busy, 5 for down.
set -euo pipefail

opt=${KTRDR_OPT:-/opt/ktrdr}
etc=${KTRDR_ETC:-/etc/ktrdr}
archive='' sha256='' type='' rollback=no install_only=no interrupt=no drain_timeout=600 healthy_timeout=60

fail() {
  printf 'error: %s\n  cure: %s\n' "$1" "$2" >&2
  exit 1
}

while (($# > 0)); do
  case "$1" in
    --rollback) rollback=yes; shift; continue ;;
    --install-only) install_only=yes; shift; continue ;;
    --interrupt) interrupt=yes; shift; continue ;;
  esac
  (($# >= 2)) || fail "$1 needs a value, or is unknown" "See the top of update-code.sh."
  case "$1" in
    --archive) archive=$2 ;;
    --sha256) sha256=$2 ;;
    --type) type=$2 ;;
    --drain-timeout) drain_timeout=$2 ;;
    --healthy-timeout) healthy_timeout=$2 ;;
    *) fail "unknown word: $1" "See the top of update-code.sh." ;;
  esac
  shift 2
done

case "$type" in
  backtesting) port=5003 role=worker ;;
  cpu_training) port=5004 role=worker ;;
  gpu_host) port=5002 role=gpu_host ;;
  control_plane) port=8787 role=control-plane ;;
  *) fail "\"$type\" is no worker type" "Use --type backtesting, cpu_training, gpu_host or control_plane." ;;
esac
if [[ $role == control-plane ]]; then
  unit=ktrdr-control-plane sign='"status"'
  asked_port=$(sed -n 's/^KTRDR_PORT=\([0-9]*\)$/\1/p' "$etc/control-plane.env" 2> /dev/null || true)
else
  unit=ktrdr-worker@$type sign='"connected":true'
  asked_port=$(sed -n 's/^health_port: *\([0-9]*\)$/\1/p' "$etc/$type.yaml" 2> /dev/null || true)
fi
port=${asked_port:-$port}

link_target() { if [[ -L "$opt/$1" ]]; then basename "$(readlink "$opt/$1")"; fi; }

# Renamed over the old link, so that at every moment there is one.
switch_link() {
  ln -sfn "releases/$2" "$opt/$1.new"
  mv -T "$opt/$1.new" "$opt/$1"
}

is_healthy() { curl --fail --silent --max-time 3 "http://127.0.0.1:$port/health" 2> /dev/null | grep -qF "$sign"; }

# within <seconds> <command...>: whether it comes true in that time.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep "${KTRDR_POLL_SECONDS:-1}"
  done
}

is_active() { systemctl is-active --quiet "$unit"; }
# shellcheck disable=SC2317 # `within` calls it.
is_down() { ! is_active; }

end() {
  printf 'result=%s release=%s previous=%s\n' "$1" "$(link_target "$type")" "$(link_target "$type.previous")"
  exit "$2"
}

unpack() {
  local partial=$opt/releases/$release.partial
  printf '%s  %s\n' "$sha256" "$archive" | sha256sum --check --status \
    || fail "$archive does not have the SHA-256 $sha256" "It was damaged or changed on its way: send it again."
  rm -rf "$partial"
  mkdir -p "$partial"
  tar -xzf "$archive" -C "$partial" --no-same-owner
  (
    cd "$partial"
    PATH=$opt/node/bin:$PATH
    node deploy/packages-for.ts "$role"
    npm install --omit=dev --ignore-scripts --no-audit --no-fund --no-save --loglevel=error >&2
  )
  chmod -R go+rX "$partial"
  mv -T "$partial" "$opt/releases/$release"
}

drain() {
  is_active || return 0
  if [[ $role == control-plane ]]; then
    # Its nodes go on meanwhile, and come back by themselves.
    systemctl stop "$unit"
    return
  fi
  systemctl kill --kill-who=main --signal=SIGUSR2 "$unit"
  within "$drain_timeout" is_down && return 0
  [[ $interrupt == yes ]] || end busy 4
  systemctl stop "$unit"
}

start() { systemctl reset-failed "$unit" 2> /dev/null || true; systemctl start "$unit" && within "$healthy_timeout" is_healthy; }

# What no type of this machine runs or could go back to.
remove_unused() {
  local old linked
  linked=$(find "$opt" -maxdepth 1 -type l -printf '%l\n')
  for old in "$opt"/releases/*; do
    grep -qxF "releases/$(basename "$old")" <<< "$linked" || rm -rf "$old"
  done
}

mkdir -p "$opt/releases"
exec 9> "$opt/update.lock"
flock --nonblock 9 || fail "another update runs on this machine" "Wait until it has ended."

before=$(link_target "$type")
if [[ $rollback == yes ]]; then
  release=$(link_target "$type.previous")
  [[ -n "$release" ]] || fail "there is no earlier release on this machine" "Deploy the one you want with --archive."
else
  [[ -f "$archive" && "$sha256" =~ ^[0-9a-f]{64}$ ]] || fail "--archive or --sha256 is missing" "See the top of update-code.sh."
  release=$(basename "$archive" .tar.gz)
  [[ "$release" =~ ^ktrdr-[A-Za-z0-9._-]+$ ]] || fail "$archive is no release" "build-release.sh makes them."
  role_suffix=''
  # Their packages differ, so on one machine they lie beside each other.
  [[ $role == worker ]] || role_suffix=-$role
  release=$release$role_suffix
  [[ -d "$opt/releases/$release" ]] || unpack
fi

if [[ $install_only == yes ]]; then
  switch_link "$type" "$release"
  end updated 0
fi
if [[ "$before" == "$release" ]] && is_active && is_healthy; then end unchanged 0; fi

drain
[[ -z "$before" || "$before" == "$release" ]] || switch_link "$type.previous" "$before"
switch_link "$type" "$release"
if start; then
  remove_unused
  if [[ $rollback == yes ]]; then end rolled-back 0; fi
  end updated 0
fi

systemctl stop "$unit" || true
[[ -n "$before" && "$before" != "$release" ]] || end down 5
switch_link "$type" "$before"
switch_link "$type.previous" "$release"
if start; then end rolled-back 3; fi
end down 5
