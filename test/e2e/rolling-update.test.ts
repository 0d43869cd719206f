/**
 * A fleet goes to a new release, and back from a broken one, while it works: the real scripts, control plane and nodes.
 * Only systemd, ssh and npm have stand-ins: one starts and stops the unit's command, one runs here what it would run there,
 * one takes this clone's packages.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/control-plane.ts";
import { probePort } from "../../cli/free-port.ts";
import { findProgram, type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";
import { submitRequest } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";

const NODES = ["w1", "w2"];
const ADDRESSES = ["10.0.0.1", "10.0.0.2"];

/** `$KTRDR_OPT` is the machine: its releases, its settings, the process of its unit. */
const SYSTEMCTL = `
pid() { cat "$KTRDR_OPT/pid" 2> /dev/null; }
alive() { [[ -n $(pid) && $(cut -d ' ' -f 3 "/proc/$(pid)/stat" 2> /dev/null) =~ ^[RSD]$ ]]; }
case "$*" in
  is-active*) alive ;;
  kill*) kill -USR2 "$(pid)" ;;
  stop*) alive && kill "$(pid)"; while alive; do sleep 0.05; done; true ;;
  start*)
    setsid "$NODE" "$KTRDR_OPT/backtesting/compute-node/main.ts" --config "$KTRDR_ETC/backtesting.yaml" > "$KTRDR_OPT/node.log" 2>&1 < /dev/null 8>&- 9>&- &
    echo $! > "$KTRDR_OPT/pid" ;;
esac`;

const SSH = `
for word in "$@"; do [[ $word == *@* ]] && host=\${word#*@}; done
export KTRDR_OPT=$STAND_INS/$host KTRDR_ETC=$STAND_INS/$host
command=\${!#}; exec bash -c "\${command//\\/opt\\/ktrdr/$KTRDR_OPT}"`;

let folder: string;
let stand: StandIns;
let fleet: Fleet;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-rolling-"));
  stand = standIns(folder);
  stand.program("systemctl", SYSTEMCTL);
  stand.program("ssh", SSH);
  stand.program("npm", `ln -s '${PROJECT_FOLDER}/node_modules' node_modules`);
  fleet = await Fleet.start();
  const { token } = await fleet.client.createEnrolment({ name: "rolling", maxUses: NODES.length, ttlMs: 600_000 });
  writeFileSync(
    join(folder, "workers.txt"),
    NODES.map((id, index) => `${id},${ADDRESSES[index]},backtesting\n`).join(""),
  );
  for (const [index, id] of NODES.entries()) {
    const machine = join(folder, ADDRESSES[index]);
    mkdirSync(join(machine, "node", "bin"), { recursive: true });
    symlinkSync(process.execPath, join(machine, "node", "bin", "node"));
    const settings = { url: fleet.url, token, worker_id: id, slots: 2, home: join(machine, "home") };
    const lines = Object.entries({ ...settings, health_port: await probePort(0), job_memory_mb: 128 });
    writeFileSync(join(machine, "backtesting.yaml"), lines.map(([key, value]) => `${key}: ${value}\n`).join(""));
  }
});

afterAll(async () => {
  for (const address of ADDRESSES) {
    const file = join(folder, address, "pid");
    if (!existsSync(file)) continue;
    try {
      process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
    } catch (error) {
      // It has left already.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  await fleet?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** The working tree's code as a release of that version; `change` may break it. */
function release(version: string, change: (tree: string) => void = () => {}): string {
  const tree = join(folder, `tree-${version}`);
  mkdirSync(tree);
  for (const part of ["protocol", "compute-node", "package.json"]) {
    cpSync(join(PROJECT_FOLDER, part), join(tree, part), { recursive: true });
  }
  mkdirSync(join(tree, "deploy"));
  cpSync(join(PROJECT_FOLDER, "deploy/packages-for.ts"), join(tree, "deploy/packages-for.ts"));
  const manifest = JSON.parse(readFileSync(join(tree, "package.json"), "utf8"));
  writeFileSync(join(tree, "package.json"), JSON.stringify({ ...manifest, version }));
  change(tree);
  const archive = join(folder, `ktrdr-${version}.tar.gz`);
  execFileSync("tar", ["-czf", archive, "-C", tree, "."]);
  const sha256 = execFileSync("sha256sum", [archive], { encoding: "utf8" });
  writeFileSync(`${archive}.sha256`, sha256);
  return archive;
}

function deploy(archive: string): Promise<{ code: number | null; out: string }> {
  const script = join(PROJECT_FOLDER, "deploy/scripts/deploy-to-workers.sh");
  const words = [script, join(folder, "workers.txt"), "--archive", archive, "--healthy-timeout", "10"];
  const child = spawn("bash", words, {
    env: { PATH: stand.path, HOME: folder, NODE: process.execPath, KTRDR_POLL_SECONDS: "0.1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      out += data;
    });
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out })));
}

const versions = async (): Promise<string[]> => {
  const { workers } = await fleet.client.listWorkers();
  return NODES.map((id) => workers.find((worker) => worker.workerId === id)?.softwareVersion ?? "none");
};

it.skipIf(findProgram("curl") === null || findProgram("flock") === null)(
  "updates node by node and loses no work, and takes a broken release back (skipped without curl or flock)",
  async () => {
    const first = await deploy(release("1.0.0"));
    expect(first.code, first.out).toBe(0);
    expect(await versions()).toEqual(["1.0.0", "1.0.0"]);

    const submit = async (): Promise<string> => {
      const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 2000 } });
      return (await fleet.client.submit(request)).operationId;
    };
    const operations = await Promise.all(Array.from({ length: 8 }, submit));
    await until(20_000, "work runs", async () => (await fleet.client.operation(operations[0])).status === "running");
    const second = await deploy(release("1.1.0"));
    expect(second.code, second.out).toBe(0);
    expect(await versions()).toEqual(["1.1.0", "1.1.0"]);

    const broken = release("1.2.0", (tree) => writeFileSync(join(tree, "compute-node/main.ts"), "process.exit(1);\n"));
    operations.push(await submit());
    const third = await deploy(broken);
    expect(third.code, third.out).toBe(1);
    expect(third.out).toMatch(/^w1 .* rolled-back +ktrdr-1\.1\.0/m);
    expect(third.out).toMatch(/^w2 .* not-tried/m);
    expect(readlinkSync(join(folder, ADDRESSES[0], "backtesting"))).toBe("releases/ktrdr-1.1.0");
    await fleet.connected(NODES);
    expect(await versions()).toEqual(["1.1.0", "1.1.0"]);

    for (const id of operations) {
      await until(60_000, "it is done", async () => (await fleet.client.operation(id)).status === "completed");
      expect((await fleet.client.operation(id)).attempt, "run once").toBe(1);
    }
  },
);
