/**
 * A machine that update-code.sh keeps, as a folder: its releases, its settings, and one node as a real process. Programs in the
 * place of systemctl and npm start that process and take this checkout's packages; for machines with systemd see machine.ts.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import type { StandIns } from "../../deploy/testing/stand-ins.ts";
import type { Release } from "./releases.ts";

/** `$KTRDR_OPT` is the machine. A node that ends with 4 starts an update, as the unit's OnFailure does. */
const UNIT = `
"$NODE" "$KTRDR_OPT/backtesting/compute-node/main.js" --config "$KTRDR_ETC/backtesting.yaml" &
echo $! > "$KTRDR_OPT/pid"
status=0; wait $! || status=$?
[[ $status != 4 ]] || "$NODE" "$KTRDR_OPT/backtesting/cli/ktrdr.js" node update --type backtesting --automatic`;

const SYSTEMCTL = `
pid() { cat "$KTRDR_OPT/pid" 2> /dev/null; }
alive() { [[ -n $(pid) && $(cut -d ' ' -f 3 "/proc/$(pid)/stat" 2> /dev/null) =~ ^[RSD]$ ]]; }
case "$*" in
  is-active*) alive ;;
  kill*) words="$*"; word=\${words#*--signal=}; kill -s "\${word%% *}" "$(pid)" ;;
  stop*) alive && kill "$(pid)"; while alive; do sleep 0.05; done; true ;;
  start*)
    rm -f "$KTRDR_OPT/pid"
    setsid bash "$STAND_INS/unit.sh" >> "$KTRDR_OPT/node.log" 2>&1 < /dev/null 8>&- 9>&- &
    until [[ -s $KTRDR_OPT/pid ]]; do sleep 0.02; done ;;
esac`;

/** Puts programs in place that serve every machine below `folder`. */
export function keepMachines(folder: string, stand: StandIns): void {
  writeFileSync(join(folder, "unit.sh"), UNIT);
  stand.program("systemctl", SYSTEMCTL);
  stand.program("npm", `[[ $1 != ci ]] || ln -s '${PROJECT_FOLDER}/node_modules' node_modules`);
}

export class KeptMachine {
  readonly folder: string;
  readonly #stand: StandIns;

  /** `settings` are those of /etc/ktrdr/backtesting.yaml. */
  static async make(folder: string, stand: StandIns, settings: Record<string, unknown>): Promise<KeptMachine> {
    mkdirSync(join(folder, "node", "bin"), { recursive: true });
    symlinkSync(process.execPath, join(folder, "node", "bin", "node"));
    const all = {
      slots: 2,
      home: join(folder, "home"),
      health_port: await probePort(0),
      job_memory_mb: 128,
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key}: ${value}\n`);
    writeFileSync(join(folder, "backtesting.yaml"), lines.join(""));
    return new KeptMachine(folder, stand);
  }

  private constructor(folder: string, stand: StandIns) {
    this.folder = folder;
    this.#stand = stand;
  }

  get environment(): NodeJS.ProcessEnv {
    return {
      ...{ PATH: this.#stand.path, HOME: this.folder, NODE: process.execPath },
      ...{ KTRDR_POLL_SECONDS: "0.1", KTRDR_OPT: this.folder, KTRDR_ETC: this.folder },
    };
  }

  /** Puts a release in place, as on a machine that is no node yet, and starts the node. */
  install({ path, sha256 }: Release): void {
    const script = join(PROJECT_FOLDER, "deploy/scripts/update-code.sh");
    const words = ["--install-only", "--type", "backtesting", "--archive", path, "--sha256", sha256];
    execFileSync("bash", [script, ...words], { env: this.environment, stdio: ["ignore", "ignore", "inherit"] });
    execFileSync("systemctl", ["start", "ktrdr-worker@backtesting"], { env: this.environment });
  }

  /** The program `ktrdr` of the release that is in place. */
  get ktrdr(): string {
    return join(this.folder, "backtesting", "cli", "ktrdr.js");
  }

  get pid(): number {
    return Number(readFileSync(join(this.folder, "pid"), "utf8"));
  }

  /** The words of the node, and of an update that it started. */
  get log(): string {
    return readFileSync(join(this.folder, "node.log"), "utf8");
  }

  /** Ends the node at once, if there is one. */
  kill(): void {
    if (!existsSync(join(this.folder, "pid"))) return;
    try {
      process.kill(this.pid, "SIGKILL");
    } catch (error) {
      // It has left already.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
