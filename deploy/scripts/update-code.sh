#!/bin/bash
# Brings a machine to another release. Runs there, as root: `ktrdr node update` calls it, and deploy-to-workers.sh sends it.
#
#   update-code.sh --archive FILE --sha256 HEX --type TYPE [options]
#   update-code.sh --rollback --type TYPE [options]
#
#   --install-only          install the code and start nothing, for a machine that is no node yet
#   --drain-timeout S       how long the node may finish its jobs (600; 0 for no limit); then it takes work again,
#                           and nothing was interrupted. It does the same after Ctrl-C,
#                           and when the connection to the caller is lost
#   --interrupt             stop the node when that time is over; the registry hands its work to another one
#   --healthy-timeout S     how long the new release may take to connect (60); then the one before comes back
#   --wait                  wait for another update of this machine to end; otherwise that is an error
#
# FILE is a package, ktrdr-….tgz, from build-release.sh or a registry. TYPE is backtesting, cpu_training or gpu_host, or
# control_plane on the machine that serves the fleet. Releases lie side by side below /opt/ktrdr/releases; the link
# /opt/ktrdr/TYPE is switched when nothing of the type runs.
# Its last line is `result=… release=… previous=…`. It ends with 0 for updated, unchanged and rolled-back (when asked for),
# 3 for rolled-back because the new release did not come up, 4 for busy, 5 for down, 130 for interrupted.
# KTRDR_OPT and KTRDR_ETC name other folders than /opt/ktrdr and /etc/ktrdr, for tests.
set -euo pipefail

opt=${KTRDR_OPT:-/opt/ktrdr}
etc=${KTRDR_ETC:-/etc/ktrdr}
archive='' sha256='' type='' rollback=no install_only=no interrupt=no wait=no drain_timeout=600 healthy_timeout=60
PROGRESS_SECONDS=30
RESUME_SECONDS=${KTRDR_RESUME_SECONDS:-10}

# To whoever still listens.
say() { printf '%s\n' "$*" >&2 || true; }

fail() {
  printf 'error: %s\n  cure: %s\n' "$1" "$2" >&2
  exit 1
}

while (($# > 0)); do
  case "$1" in
    --rollback) rollback=yes; shift; continue ;;
    --install-only) install_only=yes; shift; continue ;;
    --interrupt) interrupt=yes; shift; continue ;;
    --wait) wait=yes; shift; continue ;;
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
for seconds in "$drain_timeout" "$healthy_timeout"; do
  [[ "$seconds" =~ ^[0-9]{1,8}$ ]] || fail "\"$seconds\" is no number of seconds" "Give a whole number such as 600."
done

case "$type" in
  backtesting) port=5003 role=worker ;;
  cpu_training) port=5004 role=worker ;;
  gpu_host) port=5002 role=gpu_host ;;
  control_plane) port=8787 role=control-plane ;;
  *) fail "\"$type\" is no worker type" "Use --type backtesting, cpu_training, gpu_host or control_plane." ;;
esac
if [[ $role == control-plane ]]; then
  unit=ktrdr-control-plane sign='"status"' program=control-plane/start-control-plane.js
  # Releases up to 0.1.0 have it here.
  former_program=deploy/self-host/start-control-plane.js
  asked_port=$(sed -n 's/^KTRDR_PORT=\([0-9]*\)$/\1/p' "$etc/control-plane.env" 2> /dev/null || true)
else
  unit=ktrdr-worker@$type sign='"connected":true' program=compute-node/main.js
  former_program=$program
  asked_port=$(sed -n 's/^health_port: *\([0-9]*\)$/\1/p' "$etc/$type.yaml" 2> /dev/null || true)
fi
port=${asked_port:-$port}

# Prints the release that a link names: below releases/ by its name, elsewhere (where npm installed it) by its path.
link_target() { if [[ -L "$opt/$1" ]]; then readlink "$opt/$1" | sed 's|^releases/||'; fi; }

# Renames the new link over the old one, so that there is one at every moment.
switch_link() {
  local target=$2
  [[ "$target" == /* ]] || target=releases/$target
  ln -sfn "$target" "$opt/$1.new"
  mv -T "$opt/$1.new" "$opt/$1"
}

# The node's latest answer.
health=''
look() { health=$(curl --fail --silent --max-time 3 "http://127.0.0.1:$port/health" 2> /dev/null); }
is_healthy() { look && [[ "$health" == *"$sign"* ]]; }
health_field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<< "$health"; }

pause() { sleep "${KTRDR_POLL_SECONDS:-1}"; }

# within <seconds> <command...>: succeeds when the command does within that time.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    pause
  done
}

is_active() { systemctl is-active --quiet "$unit"; }
is_down() { ! is_active; }

end() {
  printf 'result=%s release=%s previous=%s\n' "$1" "$(link_target "$type")" "$(link_target "$type.previous")" || true
  exit "$2"
}

# Runs the code of a release with no more rights than it has as a service.
as_service() {
  if ((EUID == 0)) && [[ -z "${KTRDR_OPT:-}" ]] && id ktrdr > /dev/null 2>&1; then setpriv --reuid=ktrdr --regid=ktrdr --clear-groups -- "$@"; else "$@"; fi
}

unpack() {
  local partial=$opt/releases/$release.partial
  rm -rf "$partial"
  mkdir -p "$partial"
  if ! tar -xzf "$archive" -C "$partial" --strip-components=1 --no-same-owner package 2> /dev/null || [[ ! -f "$partial/$program" && ! -f "$partial/$former_program" ]]; then
    rm -rf "$partial"
    fail "$archive is no package of ktrdr" "build-release.sh makes them, and npm pack ktrdr."
  fi
  # The release has the versions and hashes of every package.
  (
    cd "$partial"
    node deploy/packages-for.js "$role"
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    printf '%s\n' "$sha256" > .archive-sha256
  )
  chmod -R go+rX "$partial"
  # Refuses code that this machine's Node cannot load, while the old release still runs.
  if [[ $role != control-plane ]] && ! as_service node "$partial/$program" --help > /dev/null; then
    fail "$release does not start on this machine" "It may need another version of Node: look at what it says above."
  fi
  mv -T "$partial" "$opt/releases/$release"
}

# Prints the node's running jobs when they change, and now and then.
told='' told_at=0
tell() {
  local now current
  now="$(health_field slots_used) of $(health_field slots) slots"
  current=$(health_field current_operation)
  [[ -z "$current" || "$current" == null ]] || now+=", $current"
  [[ "$now" != "$told" ]] || ((SECONDS - told_at >= PROGRESS_SECONDS)) || return 0
  told=$now told_at=$SECONDS
  say "$type: waits for what runs ($now) since $drain_began, $((SECONDS - drain_since)) s"
}

# Undoes a drain, so that a node never stays half drained. Starts a node again that has left meanwhile.
take_work_again() {
  trap '' INT TERM HUP PIPE
  systemctl kill --kill-who=main --signal=SIGCONT "$unit" 2> /dev/null || true
  within "$RESUME_SECONDS" is_settled || true
  if is_down; then
    systemctl start "$unit"
  elif [[ "$health" == *'"draining"'* ]]; then
    say "warning: $unit is of a release that cannot take a drain back: it leaves when it is done"
    say "  cure: systemctl start $unit, when it has left"
  else
    say "$type: nothing was changed, and the node takes work again"
  fi
}
# shellcheck disable=SC2317 # `within` calls it.
is_settled() { is_down || { look && [[ "$health" != *'"draining"'* ]]; }; }

# shellcheck disable=SC2317 # A trap calls it.
interrupted() {
  take_work_again
  end interrupted 130
}

# `yes` when the old release was connected at its latest answer, else `no`; `unknown` when it did not run.
was_connected=unknown
note_connection() {
  look || return 1
  if [[ "$health" == *'"connected":true'* ]]; then was_connected=yes; else was_connected=no; fi
}

drain() {
  is_active || return 0
  if [[ $role == control-plane ]]; then
    # Its nodes go on meanwhile, and come back by themselves.
    systemctl stop "$unit"
    return
  fi
  local drain_since=$SECONDS drain_began
  drain_began=$(date +%H:%M:%S)
  note_connection || true
  # PIPE: the caller is gone.
  trap interrupted INT TERM HUP PIPE
  systemctl kill --kill-who=main --signal=SIGUSR2 "$unit"
  until is_down; do
    if note_connection; then tell; fi
    if ((drain_timeout > 0 && SECONDS - drain_since >= drain_timeout)); then
      if [[ $interrupt == yes ]]; then
        systemctl stop "$unit"
        break
      fi
      take_work_again
      end busy 4
    fi
    pause
  done
}

# Succeeds when a missing connection is not the new release's fault: the old one had none, or the control plane is away.
is_excused() {
  local url
  [[ $role != control-plane ]] && is_active && look || return 1
  [[ $was_connected != no ]] || { say "warning: $type runs, and is as unconnected as it was before"; return 0; }
  url=$(sed -n 's/^url: *["'\'']\{0,1\}\([^"'\'' ]*\).*/\1/p' "$etc/$type.yaml" 2> /dev/null || true)
  [[ -n "$url" ]] && ! curl --fail --silent --max-time 5 --output /dev/null "${url%/}/health" 2> /dev/null || return 1
  say "warning: $type runs, but $url does not answer: it connects when that is back"
}

comes_up() {
  systemctl reset-failed "$unit" 2> /dev/null || true
  systemctl start "$unit" || return 1
  within "$healthy_timeout" is_healthy || is_excused
}

# Removes releases that no type of this machine runs or could go back to.
remove_unused() {
  local old linked
  linked=$(find "$opt" -maxdepth 1 -type l -printf '%l\n')
  for old in "$opt"/releases/*; do
    grep -qxF "releases/$(basename "$old")" <<< "$linked" || rm -rf "$old"
  done
}

PATH=$opt/node/bin:$PATH
mkdir -p "$opt/releases"
exec 9> "$opt/update.lock"
if [[ $wait == yes ]]; then flock 9; fi
flock --nonblock 9 || fail "another update runs on this machine" "Wait until it has ended."

before=$(link_target "$type")
if [[ $rollback == yes ]]; then
  release=$(link_target "$type.previous")
  [[ -n "$release" && -d "$opt/$type.previous/" ]] || fail "there is no earlier release on this machine" "Deploy the one you want with --archive."
else
  [[ -f "$archive" && "$sha256" =~ ^[0-9a-f]{64}$ ]] || fail "--archive or --sha256 is missing" "See the top of update-code.sh."
  release=$(basename "$archive" .tgz)
  [[ "$archive" == *.tgz && "$release" =~ ^ktrdr-[A-Za-z0-9._+-]+$ ]] || fail "$archive is no release" "build-release.sh makes them."
  printf '%s  %s\n' "$sha256" "$archive" | sha256sum --check --status \
    || fail "$archive does not have the SHA-256 $sha256" "It was damaged or changed on its way: send it again."
  # Packages differ by role, so on one machine releases of several lie beside each other.
  [[ $role == worker ]] || release=$release-$role
  # The same name with other bytes: the build was made anew.
  if [[ -d "$opt/releases/$release" && "$(cat "$opt/releases/$release/.archive-sha256" 2> /dev/null)" != "$sha256" ]]; then
    release=$release-${sha256:0:8}
  fi
  [[ -d "$opt/releases/$release" ]] || unpack
fi

if [[ $install_only == yes ]]; then
  switch_link "$type" "$release"
  end updated 0
fi
if [[ "$before" == "$release" ]] && is_active && is_healthy; then end unchanged 0; fi

drain
# From here on, an interrupt would leave things half done, which is worse than waiting for the end.
trap '' INT TERM HUP PIPE
[[ -z "$before" || "$before" == "$release" ]] || switch_link "$type.previous" "$before"
switch_link "$type" "$release"
if comes_up; then
  remove_unused
  if [[ $rollback == yes ]]; then end rolled-back 0; fi
  end updated 0
fi

say "$type: $release does not come up; journalctl -u $unit says why"
systemctl stop "$unit" || true
[[ -n "$before" && "$before" != "$release" ]] || end down 5
switch_link "$type" "$before"
switch_link "$type.previous" "$release"
# The old release came up before, so on a busy machine it gets more time than the new one.
((healthy_timeout > 60)) || healthy_timeout=60
if comes_up; then end rolled-back 3; fi
end down 5
