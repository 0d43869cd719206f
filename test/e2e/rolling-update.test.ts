/**
 * A fleet goes to a new release, and back from a broken one, while it works: the real scripts, control plane and nodes.
 * Only systemd, ssh and npm have stand-ins: one starts and stops the unit's command, one runs here what it would run there,
 * one takes this clone's packages.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { findProgram, type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";
import { submitRequest } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";
import { KeptMachine, keepMachines } from "../support/kept-machine.ts";
import { Releases } from "../support/releases.ts";

const NODES = ["w1", "w2"];
const ADDRESSES = ["10.0.0.1", "10.0.0.2"];

const SSH = `
for word in "$@"; do [[ $word == *@* ]] && host=\${word#*@}; done
export KTRDR_OPT=$STAND_INS/$host KTRDR_ETC=$STAND_INS/$host
command=\${!#}; exec bash -c "\${command//\\/opt\\/ktrdr/$KTRDR_OPT}"`;

let folder: string;
let stand: StandIns;
let fleet: Fleet;
let shelf: Releases;
const machines: KeptMachine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-rolling-"));
  stand = standIns(folder);
  keepMachines(folder, stand);
  stand.program("ssh", SSH);
  shelf = new Releases(join(folder, "releases"));
  fleet = await Fleet.start();
  const { token } = await fleet.client.createEnrolment({ name: "rolling", maxUses: NODES.length, ttlMs: 600_000 });
  writeFileSync(
    join(folder, "workers.txt"),
    NODES.map((id, index) => `${id},${ADDRESSES[index]},backtesting\n`).join(""),
  );
  for (const [index, id] of NODES.entries()) {
    const settings = { url: fleet.url, token, worker_id: id };
    machines.push(await KeptMachine.make(join(folder, ADDRESSES[index]), stand, settings));
  }
});

afterAll(async () => {
  for (const machine of machines) machine.kill();
  await fleet?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

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
  "a rolling update goes node by node, loses no work, and takes a broken release back (skipped without curl or flock)",
  async () => {
    const first = await deploy(shelf.make("1.0.0").path);
    expect(first.code, first.out).toBe(0);
    expect(await versions()).toEqual(["1.0.0", "1.0.0"]);

    const submit = async (): Promise<string> => {
      const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 2000 } });
      return (await fleet.client.submit(request)).operationId;
    };
    const operations = await Promise.all(Array.from({ length: 8 }, submit));
    await until(
      20_000,
      "work runs",
      async () => (await fleet.client.showOperation(operations[0])).status === "running",
    );
    const second = await deploy(shelf.make("1.1.0").path);
    expect(second.code, second.out).toBe(0);
    expect(await versions()).toEqual(["1.1.0", "1.1.0"]);

    const broken = shelf.make("1.2.0", (tree) =>
      writeFileSync(join(tree, "compute-node/main.js"), 'process.exit(process.argv.includes("--help") ? 0 : 1);\n'),
    );
    operations.push(await submit());
    const third = await deploy(broken.path);
    expect(third.code, third.out).toBe(1);
    expect(third.out).toMatch(/^w1 .* rolled-back +ktrdr-1\.1\.0/m);
    expect(third.out).toMatch(/^w2 .* not-tried/m);
    expect(readlinkSync(join(folder, ADDRESSES[0], "backtesting"))).toBe("releases/ktrdr-1.1.0");
    await fleet.connected(NODES);
    expect(await versions()).toEqual(["1.1.0", "1.1.0"]);

    for (const id of operations) {
      await until(60_000, "it is done", async () => (await fleet.client.showOperation(id)).status === "completed");
      expect((await fleet.client.showOperation(id)).attempt, "run once").toBe(1);
    }
  },
);
