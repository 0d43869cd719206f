/**
 * `ktrdr node update` on a machine that works: a real control plane, a real node from the package, real jobs. Only systemctl and
 * npm have stand-ins.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProgram, type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";
import { submitRequest, type Worker } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";
import { speakFormerProtocol } from "../support/former-protocol.ts";
import { KeptMachine, keepMachines } from "../support/kept-machine.ts";
import { type Release, Releases } from "../support/releases.ts";

let folder: string;
let stand: StandIns;
let fleet: Fleet;
let machine: KeptMachine;
let releases: Record<"tooOld" | "first" | "second" | "broken", Release>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-node-update-"));
  stand = standIns(folder);
  keepMachines(folder, stand);
  const shelf = new Releases(join(folder, "releases"));
  releases = {
    tooOld: shelf.make("0.9.0", (tree) => speakFormerProtocol(tree, 1, "js")),
    first: shelf.make("1.0.0"),
    second: shelf.make("1.1.0"),
    // It loads, and then fails.
    broken: shelf.make("1.2.0", (tree) =>
      writeFileSync(join(tree, "compute-node/main.js"), 'process.exit(process.argv.includes("--help") ? 0 : 1);\n'),
    ),
  };
  fleet = await Fleet.start();
  machine = await newMachine("desk", fleet);
  machine.install(releases.first);
  await fleet.connected(["desk"]);
});

afterAll(async () => {
  machine?.kill();
  await fleet?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function newMachine(id: string, { client, url }: Fleet, settings: Record<string, unknown> = {}) {
  const { token } = await client.createEnrolment({ name: id, maxUses: 1, ttlMs: 600_000 });
  return KeptMachine.make(join(folder, id), stand, { url, token, worker_id: id, ...settings });
}

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  /** What it has said on stderr so far. */
  said(): string;
}

function startUpdate(words: readonly string[]): Running {
  const child = spawn(process.execPath, [machine.ktrdr, "node", "update", ...words], { env: machine.environment });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  const ended = new Promise<Ran>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  return { child, ended, said: () => err };
}

const update = (...words: string[]): Promise<Ran> => startUpdate(words).ended;

async function sleepJob(durationMs: number): Promise<string> {
  const request = submitRequest.parse({ spec: { kind: "sleep", durationMs } });
  const { operationId } = await fleet.client.submit(request);
  return operationId;
}

async function runningJob(durationMs: number): Promise<string> {
  const id = await sleepJob(durationMs);
  await until(10_000, "it runs", async () => (await fleet.client.showOperation(id)).status === "running");
  return id;
}

async function completedOnce(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await until(20_000, "it is done", async () => (await fleet.client.showOperation(id)).status === "completed");
    expect((await fleet.client.showOperation(id)).attempt, "run once").toBe(1);
  }
}

async function worker(): Promise<Worker | undefined> {
  return (await fleet.client.listWorkers()).workers.find(({ workerId }) => workerId === "desk");
}

describe.skipIf(findProgram("curl") === null || findProgram("flock") === null)(
  "updating a node (skipped without curl or flock)",
  () => {
    it("waits for the job that runs, saying so, and comes up as the new version", async () => {
      const job = await runningJob(5000);
      const { code, out, err } = await update("--from", releases.second.path, "--json");
      expect(code, err).toBe(0);
      expect(JSON.parse(out)).toMatchObject([
        { worker_type: "backtesting", result: "updated", version: "1.1.0", version_before: "1.0.0", verdict: "newer" },
      ]);
      expect(err).toContain(`waits for what runs (1 of 2 slots, ${job}) since `);
      expect((await fleet.client.showOperation(job)).status, "the job ended before the node did").toBe("completed");
      await completedOnce(job);
      expect((await worker())?.softwareVersion).toBe("1.1.0");
    });

    it("refuses a file that was damaged, or is something else, before the node hears of it", async () => {
      const { pid } = machine;
      const before = machine.log;
      const bytes = readFileSync(releases.broken.path);
      const cut = join(folder, "ktrdr-1.3.0.tgz");
      writeFileSync(cut, bytes.subarray(0, bytes.length / 2));
      expect(await update("--from", cut)).toMatchObject({ code: 1, err: expect.stringContaining("is damaged") });
      copyFileSync(`${releases.broken.path}.sha256`, `${cut}.sha256`);
      const changed = await update("--from", cut);
      expect(changed).toMatchObject({ code: 1, err: expect.stringContaining("does not have the SHA-256") });
      expect({ pid: machine.pid, log: machine.log }).toEqual({ pid, log: before });
    });

    it("says what there is and changes nothing with --check, and takes no older version unasked", async () => {
      const shelf = join(folder, "shelf");
      mkdirSync(shelf);
      const shelve = ({ path }: Release): void => {
        for (const end of ["", ".sha256"])
          copyFileSync(`${path}${end}`, join(shelf, `${path.split("/").at(-1)}${end}`));
      };
      shelve(releases.first);
      const { pid } = machine;
      const check = (): Promise<Ran> => update("--check", "--from", shelf);
      expect((await check()).out).toContain("1.0.0 is there (older), and 1.1.0 runs");
      shelve(releases.second);
      expect(await check()).toMatchObject({ code: 0, out: "backtesting: 1.1.0 is up to date.\n" });
      shelve(releases.broken);
      expect(await check()).toMatchObject({ code: 10, out: expect.stringContaining("1.2.0 is there (newer)") });
      expect(machine.pid).toBe(pid);
    });

    it("gives up after --drain-timeout, and the node takes work again", async () => {
      const { pid } = machine;
      const first = await runningJob(5000);
      const { code, out } = await update("--from", releases.broken.path, "--drain-timeout", "1");
      expect(code, out).toBe(4);
      const second = await sleepJob(10);
      await completedOnce(second);
      expect((await fleet.client.showOperation(first)).status, "all the while").toBe("running");
      await completedOnce(first);
      expect(machine.pid).toBe(pid);
    });

    it("takes Ctrl-C while it waits for: leave it as it was", async () => {
      const { pid } = machine;
      const first = await runningJob(5000);
      const running = startUpdate(["--from", releases.broken.path]);
      await until(10_000, "it waits", async () => running.said().includes("waits for what runs"));
      expect((await worker())?.status).not.toBe("available");
      running.child.kill("SIGINT");
      expect(await running.ended).toMatchObject({ code: 130, out: expect.stringContaining("takes work again") });
      await completedOnce(await sleepJob(10), first);
      expect(machine.pid).toBe(pid);
    });

    it("goes back from a version that does not come up", async () => {
      const { code, out } = await update("--from", releases.broken.path, "--healthy-timeout", "2");
      expect({ code, out }).toMatchObject({ code: 3, out: expect.stringContaining("was rolled back to 1.1.0") });
      expect(readlinkSync(join(machine.folder, "backtesting"))).toBe("releases/ktrdr-1.1.0");
      await fleet.connected(["desk"]);
      await completedOnce(await sleepJob(10));
    });

    it("goes to an older version that is asked for, and back to the one before", async () => {
      const older = await update("--from", releases.first.path);
      expect(older, older.err).toMatchObject({ code: 0, err: expect.stringContaining("which is older") });
      expect((await worker())?.softwareVersion).toBe("1.0.0");
      const back = await update("--roll-back");
      expect(back).toMatchObject({ code: 0, out: expect.stringContaining("runs 1.1.0 again") });
      expect((await worker())?.softwareVersion).toBe("1.1.0");
    });

    it("blames no new version for a control plane that is away", async () => {
      const [release, version] =
        (await worker())?.softwareVersion === "1.0.0" ? [releases.second, "1.1.0"] : [releases.first, "1.0.0"];
      await fleet.stopPlane();
      const { code, err } = await update("--from", release.path, "--healthy-timeout", "2");
      expect(code, err).toBe(0);
      expect(err).toContain("backtesting runs, and is as unconnected as it was before");
      await fleet.startPlane();
      await fleet.connected(["desk"]);
      expect((await worker())?.softwareVersion).toBe(version);
    });

    it("comes by itself to a node that the control plane no longer takes", async () => {
      const strict = await Fleet.start({ registryConfig: { oldestProtocolVersion: 2 } });
      const shelf = join(folder, "newer");
      mkdirSync(shelf);
      const old = await newMachine("old", strict, { update_source: shelf });
      try {
        for (const end of ["", ".sha256"]) {
          copyFileSync(`${releases.second.path}${end}`, join(shelf, `ktrdr-1.1.0.tgz${end}`));
        }
        old.install(releases.tooOld);
        await strict.connected(["old"]);
        const { workers } = await strict.client.listWorkers();
        expect(workers.find(({ workerId }) => workerId === "old")?.softwareVersion).toBe("1.1.0");
        const said = "backtesting runs 1.1.0, before it was 0.9.0.";
        await until(10_000, "the update has ended", () => Promise.resolve(old.log.includes(said)));
      } finally {
        old.kill();
        await strict.stop();
      }
    });
  },
);
