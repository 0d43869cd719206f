/** An operator's site: a control plane and nodes, each a machine with systemd, installed from the package as the guide says. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import { type Client, createClient } from "../../client/client.ts";
import { standIns } from "../../deploy/testing/stand-ins.ts";
import type { Worker } from "../../protocol/index.ts";
import { until } from "./fleet.ts";
import { type CommandResult, MACHINE_ENVIRONMENT, Machine, NODE_PREFIX } from "./machine.ts";
import { npmSettings } from "./npm-connection.ts";
import type { Release } from "./releases.ts";

export const WORKER_UNIT = "ktrdr-worker@backtesting";
export const PLANE_UNIT = "ktrdr-control-plane";
/** The control plane's own ktrdr home: its admin token, and its state in a folder of the same name. */
export const PLANE_HOME = "/var/lib/ktrdr/control-plane";
/** Where machines find releases. */
const SHELF = "/srv/releases";
const PLANE_SETTINGS = "/etc/ktrdr/control-plane.env";
const FIRST_USER_ID = 20_000;

export class Site {
  readonly plane: Machine;
  readonly nodes = new Map<string, Machine>();
  readonly port: number;
  readonly #folder: string;
  #token = "";

  private constructor(folder: string, plane: Machine, port: number) {
    this.#folder = folder;
    this.plane = plane;
    this.port = port;
  }

  /** Boots the control plane's machine and installs it there, with the commands of docs/guides/DEPLOYMENT_GUIDE.md. */
  static async open(folder: string, release: Release): Promise<Site> {
    const site = new Site(folder, await bootMachine(folder, "plane", FIRST_USER_ID), await probePort(0));
    try {
      await site.#installPlane(release);
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  readonly client = (): Client => createClient({ url: this.url, token: this.#token, tokenSource: "the test" });

  get token(): string {
    return this.#token;
  }

  async #installPlane(release: Release): Promise<void> {
    const { plane } = this;
    shelve(plane, release);
    mkdirSync(plane.path("/opt/ktrdr"), { recursive: true });
    symlinkSync(NODE_PREFIX, plane.path("/opt/ktrdr/node"));
    await this.updatePlane(release, ["--install-only"]);
    for (const [file, target] of [
      ["ktrdr.sysusers.conf", "/etc/sysusers.d/ktrdr.conf"],
      ["ktrdr-control-plane.service", "/etc/systemd/system/ktrdr-control-plane.service"],
    ]) {
      await plane.must(["install", "-D", "-m", "0644", `/opt/ktrdr/control_plane/deploy/systemd/${file}`, target!]);
    }
    this.planeSettings({});
    await plane.must(["systemd-sysusers"]);
    await plane.must(["systemctl", "daemon-reload"]);
    await plane.must(["systemctl", "start", PLANE_UNIT]);
    await this.planeAnswers();
    const credentials = plane.path(join(PLANE_HOME, "credentials.json"));
    await until(10_000, "it has kept its admin token", async () => existsSync(credentials));
    this.#token = (JSON.parse(readFileSync(credentials, "utf8")) as { token: string }).token;
  }

  /** Takes effect with its next start. */
  planeSettings(registryConfig: Readonly<Record<string, number>>): void {
    const lines = [
      `KTRDR_PORT=${this.port}`,
      "KTRDR_METRICS_PORT=0",
      `KTRDR_REGISTRY_CONFIG='${JSON.stringify(registryConfig)}'`,
    ];
    mkdirSync(this.plane.path("/etc/ktrdr"), { recursive: true });
    writeFileSync(this.plane.path(PLANE_SETTINGS), `${lines.join("\n")}\n`);
  }

  async planeAnswers(): Promise<void> {
    await until(30_000, "the control plane answers", async () => (await fetch(`${this.url}/health`)).ok);
  }

  /** The control plane's machine goes to that release. */
  updatePlane(release: Release, words: readonly string[] = []): Promise<string> {
    return this.plane.must(this.#updatePlaneWords(release, words));
  }

  tryUpdatePlane(release: Release, words: readonly string[]): Promise<CommandResult> {
    return this.plane.run(this.#updatePlaneWords(release, words));
  }

  #updatePlaneWords(release: Release, words: readonly string[]): string[] {
    shelve(this.plane, release);
    const script = this.plane.path("/srv/update-code.sh");
    cpSync(join(PROJECT_FOLDER, "deploy/scripts/update-code.sh"), script);
    const archive = join(SHELF, basename(release.path));
    const which = ["--type", "control_plane", "--archive", archive, "--sha256", release.sha256];
    return ["bash", "/srv/update-code.sh", ...which, ...words];
  }

  /** A new machine becomes a node: the package from the shelf, then one command with an enrolment token. */
  async addNode(workerId: string, release: Release): Promise<void> {
    const machine = await bootMachine(this.#folder, workerId, FIRST_USER_ID + 1 + this.nodes.size);
    this.nodes.set(workerId, machine);
    shelve(machine, release);
    const { token } = await this.client().createEnrolment({ name: workerId, maxUses: 1, ttlMs: 600_000 });
    // Machines share a network here, so each has its own port for /health.
    const settings = { health_port: await probePort(0), update_source: SHELF, slots: 2, job_memory_mb: 256 };
    mkdirSync(machine.path("/etc/ktrdr"), { recursive: true });
    const lines = Object.entries(settings).map(([key, value]) => `${key}: ${value}\n`);
    writeFileSync(machine.path("/etc/ktrdr/backtesting.yaml"), lines.join(""));
    await machine.must(["npm", "install", "--global", "--no-audit", "--no-fund", join(SHELF, basename(release.path))]);
    await machine.must(["ktrdr", "node", "install", "--url", this.url, "--worker-id", workerId], {
      ENROLMENT_TOKEN: token,
    });
  }

  node(workerId: string): Machine {
    const machine = this.nodes.get(workerId);
    if (machine === undefined) throw new Error(`there is no node ${workerId}`);
    return machine;
  }

  async worker(workerId: string): Promise<Worker | undefined> {
    return (await this.client().listWorkers()).workers.find((worker) => worker.workerId === workerId);
  }

  /** The release that each of these nodes says it runs. */
  async versions(workerIds: readonly string[]): Promise<(string | undefined)[]> {
    const { workers } = await this.client().listWorkers();
    return workerIds.map((id) => workers.find(({ workerId }) => workerId === id)?.softwareVersion);
  }

  /** `deploy-to-workers.sh`, as an operator runs it; ssh leads into the machine of that address. */
  async roll(workerIds: readonly string[], release: Release): Promise<{ code: number | null; out: string }> {
    const stand = standIns(mkdirTree(this.#folder, `roll-${basename(release.path)}`));
    const addresses = [...this.nodes.keys()].map((id, index) => [id, `10.0.0.${index + 1}`] as const);
    const cases = addresses.map(([id, ip]) => `*@${ip}) machine=(${this.node(id).entrance.join(" ")}) ;;`);
    const login = Object.entries(MACHINE_ENVIRONMENT).map(([name, value]) => `'${name}=${value}'`);
    stand.program(
      "ssh",
      `for word in "$@"; do case $word in ${cases.join(" ")} esac; done\nexec "\${machine[@]}" env -i ${login.join(" ")} bash -c "\${!#}"`,
    );
    const file = join(this.#folder, "workers.txt");
    const chosen = addresses.filter(([id]) => workerIds.includes(id));
    writeFileSync(file, chosen.map(([id, ip]) => `${id},${ip},backtesting\n`).join(""));
    const script = join(PROJECT_FOLDER, "deploy/scripts/deploy-to-workers.sh");
    const child = spawn("bash", [script, file, "--archive", release.path], {
      env: { PATH: stand.path, HOME: this.#folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        out += data;
      });
    }
    return new Promise((resolve) => child.once("close", (code) => resolve({ code, out })));
  }

  /** Counts each operation's starts, as the nodes' journals tell them. */
  async starts(): Promise<Map<string, number>> {
    const starts = new Map<string, number>();
    for (const machine of this.nodes.values()) {
      for (const line of (await machine.journal(WORKER_UNIT)).split("\n")) {
        const id = /"operation_id":"([^"]+)".*"msg":"job starts"/.exec(line)?.[1];
        if (id !== undefined) starts.set(id, (starts.get(id) ?? 0) + 1);
      }
    }
    return starts;
  }

  async close(): Promise<void> {
    await Promise.all([this.plane, ...this.nodes.values()].map((machine) => machine.stop()));
  }
}

function bootMachine(folder: string, name: string, userId: number): Promise<Machine> {
  return Machine.boot({ name, folder: join(folder, name), userId, npmCache: npmSettings().cache });
}

/** Puts a release where the machine finds it, under the name that build-release.sh would give it. */
export function shelve(machine: Machine, release: Release): void {
  mkdirSync(machine.path(SHELF), { recursive: true });
  for (const end of ["", ".sha256"]) {
    cpSync(`${release.path}${end}`, machine.path(join(SHELF, basename(release.path) + end)));
  }
}

function mkdirTree(...parts: string[]): string {
  const folder = join(...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}
