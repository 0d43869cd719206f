# shellcheck shell=bash
# Functions shared by the operator's scripts. Source it; it runs nothing.

say() { printf '%s\n' "$*"; }

# fail <message> <cure>
fail() {
  printf 'error: %s\n  cure: %s\n' "$1" "$2" >&2
  exit 1
}

# Runs a command that changes something, or prints it with --dry-run.
run() {
  if [[ "${DRY_RUN:-no}" == yes ]]; then
    printf 'would run: %s\n' "$*"
  else
    "$@"
  fi
}

# need <program>...
need() {
  local program
  for program in "$@"; do
    command -v "$program" > /dev/null || fail "$program is not installed here" "Install it, or run this where it is."
  done
}

# value <flag> <remaining words...>: the word after a flag.
value() { [[ $# -ge 2 ]] || fail "$1 needs a value" "See --help."; printf '%s' "$2"; }

whole_number() { [[ "$2" =~ ^[1-9][0-9]{0,8}$ ]] || fail "$1 $2 is no whole number from 1" "Give a number such as 1."; }

# Prints the comment at the top of a script, as its help.
help_of() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$1"; }

# address_number 192.168.1.7: the address as a number; fails when it is none.
address_number() {
  local address=$1 part number=0
  [[ "$address" =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$ ]] || return 1
  for part in "${BASH_REMATCH[@]:1}"; do
    ((10#$part <= 255)) || return 1
    number=$((number * 256 + 10#$part))
  done
  printf '%s' "$number"
}

# in_subnet <address> <network/prefix>: succeeds when a host of the network can have the address.
in_subnet() {
  local address base prefix=${2#*/} size
  address=$(address_number "$1") && base=$(address_number "${2%/*}") || return 1
  [[ "$prefix" =~ ^[0-9]{1,2}$ ]] && ((prefix >= 1 && prefix <= 30)) || return 1
  size=$((1 << (32 - prefix)))
  ((base % size == 0 && address > base && address < base + size - 1))
}

# The word for a worker type in names of machines, which have no underscores.
type_word() {
  case "$1" in
    backtesting) printf backtest ;;
    cpu_training) printf training ;;
    gpu_host) printf gpu ;;
    *) fail "\"$1\" is no worker type" "Use backtesting, cpu_training or gpu_host." ;;
  esac
}
