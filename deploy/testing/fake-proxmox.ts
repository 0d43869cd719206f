/** Stands in for `pct`, `pvesh`, `pveam` and `ping`. Containers are files with the lines that `pct config` prints. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StandIns } from "./stand-ins.ts";

/** `exec` keeps its standard input in `stdin.log`, and fails for commands that `exec-fails` matches. */
const PCT = `
all=$STAND_INS/containers; mkdir -p "$all"; words=("$@")
option() { for ((i = 0; i < \${#words[@]}; i++)); do [[ \${words[i]} == "$1" ]] && printf '%s' "\${words[i + 1]}"; done; }
there() { [[ -f $all/$1 ]] || { echo "Configuration file '$1.conf' does not exist" >&2; exit 2; }; }
case $1 in
  list) printf 'VMID Status Lock Name\\n'; for file in "$all"/*; do [[ -f $file ]] && printf '%s stopped %s\\n' "\${file##*/}" "$(sed -n 's/^hostname: //p' "$file")"; done; true ;;
  config) there "$2"; cat "$all/$2" ;;
  status) there "$2"; if grep -q '^running' "$all/$2"; then echo 'status: running'; else echo 'status: stopped'; fi ;;
  create) printf 'hostname: %s\\nnet0: %s\\n' "$(option --hostname)" "$(option --net0)" > "$all/$2" ;;
  clone) there "$2"; [[ ! -f $all/$3 ]] || { echo "CT $3 already exists" >&2; exit 255; }; printf 'hostname: %s\\n' "$(option --hostname)" > "$all/$3"; sleep 0.05 ;;
  set) there "$2"; sed -i '/^net0/d' "$all/$2"; printf 'net0: %s\\n' "$(option --net0)" >> "$all/$2" ;;
  start) there "$2"; echo running >> "$all/$2" ;;
  stop) sed -i '/^running/d' "$all/$2" ;;
  template) echo 'template: 1' >> "$all/$2" ;;
  destroy) rm "$all/$2" ;;
  push) [[ -f $3 ]] ;;
  exec)
    case "$*" in *"bash -euo pipefail -s"* | *ENROLMENT_TOKEN*) cat >> "$STAND_INS/stdin.log" ;; esac
    [[ ! -f $STAND_INS/exec-fails ]] || ! grep -qf "$STAND_INS/exec-fails" <<< "$*" ;;
esac`;

const PVESH = `next=100; while [[ -f $STAND_INS/containers/$next ]]; do next=$((next + 1)); done; echo "\\"$next\\""`;

export interface FakeProxmox {
  addContainer(id: number, config: string): void;
  /** The output of `pct config`, or null. */
  container(id: number): string | null;
  /** Every command inside a container that contains this text fails from now on. */
  failInside(text: string): void;
  standardInput(): string;
}

export function fakeProxmox(folder: string, stand: StandIns): FakeProxmox {
  const containers = join(folder, "containers");
  mkdirSync(containers);
  stand.program("pct", PCT);
  stand.program("pvesh", PVESH);
  stand.program("pveam", `[[ $1 != list ]] || cat "$STAND_INS/images" 2> /dev/null`);
  stand.program("ping", `grep -qw "\${!#}" "$STAND_INS/answering" 2> /dev/null`);
  const read = (file: string): string | null => (existsSync(file) ? readFileSync(file, "utf8") : null);
  return {
    addContainer: (id, config) => writeFileSync(join(containers, String(id)), config),
    container: (id) => read(join(containers, String(id))),
    failInside: (text) => writeFileSync(join(folder, "exec-fails"), `${text}\n`),
    standardInput: () => read(join(folder, "stdin.log")) ?? "",
  };
}
