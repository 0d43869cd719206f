/**
 * An operator's afternoon, on machines with real systemd: a control plane and three nodes are installed from the package, each
 * as its own machine under its own user, then updated, broken, mended, lost and restored, while jobs run all the time.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { runCommand } from "../../cli/program.ts";
import { tableText } from "../../cli/terminal/table.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { MarketDataStore } from "../../compute-node/market-data/index.ts";
import { until } from "../support/fleet.ts";
import { speakFormerProtocol } from "../support/former-protocol.ts";
import { Machine } from "../support/machine.ts";
import { type Release, Releases } from "../support/releases.ts";
import { PLANE_HOME, PLANE_UNIT, Site, shelve, WORKER_UNIT } from "../support/site.ts";
import { type PhaseCount, Workload } from "../support/workload.ts";

const NEW_NODES = ["n1", "n2"];
const OLD_NODE = "n3";
const NODES = [...NEW_NODES, OLD_NODE];
/** Operations of quiet work after each thing that is done to the site. */
const CALM = 8;

const whyNot = await Machine.whyNot();

let folder: string;
let releases: Record<"old" | "first" | "second" | "broken", Release>;
let site: Site;
let workload: Workload;
/** Open when the control plane was set back to a backup, or when a node was told to leave: a second run of these is right. */
const mayRunAgain = new Set<string>();

/** Breaks a release so that it installs well and does not come up. */
function breakPrograms(tree: string): void {
  for (const program of ["compute-node/main.js", "control-plane/serve.js"]) {
    const file = join(tree, program);
    const helpful = 'if (process.argv.includes("--help")) process.exit(0);\nprocess.exit(1);\n';
    writeFileSync(file, helpful);
  }
}

async function loadData(): Promise<MarketDataStore> {
  const home = join(folder, "home");
  const environment = { KTRDR_HOME: home, KTRDR_URL: site.url, KTRDR_TOKEN: site.token };
  for (const words of [
    ["data", "load", "--sample"],
    ["data", "push", "SP500", "1d"],
  ]) {
    const surroundings = testSurroundings(environment);
    expect(await runCommand(words, surroundings), surroundings.stderr.text()).toBe(0);
  }
  return new MarketDataStore(join(home, "data"));
}

/** What the units said lately, for the reader of a failure. */
async function journals(): Promise<string> {
  const machines = [site.plane, ...site.nodes.values()];
  const texts = machines.map(async (machine) => {
    const { out } = await machine.run(["journalctl", "--lines", "25", "--no-pager", "--output", "short-precise"]);
    return `--- ${machine.name}\n${out}`;
  });
  return (await Promise.all(texts)).join("\n");
}

describe.skipIf(whyNot !== null)(`an operator's afternoon${whyNot === null ? "" : ` (${whyNot})`}`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ktrdr-site-"));
    const shelf = new Releases(join(folder, "releases"));
    releases = {
      old: shelf.make("0.9.0", (tree) => speakFormerProtocol(tree, 1, "js")),
      first: shelf.make("1.0.0"),
      second: shelf.make("1.1.0"),
      broken: shelf.make("1.2.0", breakPrograms),
    };
    site = await Site.open(folder, releases.first);
    workload = new Workload(site.client, await loadData());
  });

  beforeEach(() => {
    onTestFailed(async () => console.log(await journals()));
  });

  afterAll(async () => {
    await workload?.pause();
    await site?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it("installs three nodes, each under a user of its own, one of them speaking the protocol of before", async () => {
    for (const id of NODES) await site.addNode(id, id === OLD_NODE ? releases.old : releases.first);
    expect(await site.versions(NODES)).toEqual(["1.0.0", "1.0.0", "0.9.0"]);
    expect(await site.worker(OLD_NODE)).toMatchObject({ protocolVersion: 1, connected: true });
    expect(new Set(NODES.map(userOfNode)).size).toBe(NODES.length);
    workload.begin("installed");
    await workload.start();
    await workload.goesOn(CALM);
  });

  it("rolls nodes to a new release, one after the other, and interrupts nothing", async () => {
    workload.begin("nodes to 1.1.0");
    const { code, out } = await site.roll(NEW_NODES, releases.second);
    expect(code, out).toBe(0);
    expect(await site.versions(NEW_NODES)).toEqual(["1.1.0", "1.1.0"]);
  });

  it("rolls the control plane to a new release", async () => {
    workload.begin("control plane to 1.1.0");
    expect(await site.updatePlane(releases.second)).toContain("result=updated release=ktrdr-1.1.0");
    await site.planeAnswers();
    expect((await site.client().health()).version).toBe("1.1.0");
    await workload.goesOn(CALM);
  });

  it("rolls a node back from a release that does not come up", async () => {
    workload.begin("broken node");
    const node = site.node("n1");
    shelve(node, releases.broken);
    const { code, out, err } = await node.run(["ktrdr", "node", "update", "--to", "1.2.0", "--healthy-timeout", "5"]);
    expect(code, out + err).not.toBe(0);
    expect(out + err).toMatch(/rolled.back/);
    await until(20_000, "n1 is back", async () => (await site.worker("n1"))?.connected === true);
    expect(await site.versions(["n1"])).toEqual(["1.1.0"]);
  });

  it("rolls the control plane back from a release that does not come up", async () => {
    workload.begin("broken control plane");
    const { code, out, err } = await site.tryUpdatePlane(releases.broken, ["--healthy-timeout", "4"]);
    expect({ code, out }, err).toMatchObject({ code: 3, out: expect.stringContaining("result=rolled-back") });
    await site.planeAnswers();
    expect((await site.client().health()).version).toBe("1.1.0");
    await workload.goesOn(CALM);
  });

  it("restores the control plane from a backup after its disk was lost", async () => {
    workload.begin("lost and restored");
    await workload.goesOn(CALM);
    // What is accepted after a backup is not in it.
    await workload.pause();
    for (const id of await workload.open()) mayRunAgain.add(id);
    const file = "/srv/backup.tar.gz";
    await site.plane.must([...cli(), "backup", "--output", file]);
    await site.plane.must(["systemctl", "kill", "--signal=KILL", "--kill-who=all", PLANE_UNIT]);
    await site.plane.must(["systemctl", "stop", PLANE_UNIT]);
    rmSync(site.plane.path(join(PLANE_HOME, "control-plane")), { recursive: true });
    await site.plane.must([...cli(), "restore", file]);
    await site.plane.must(["systemctl", "start", PLANE_UNIT]);
    await site.planeAnswers();
    await workload.start();
    await workload.goesOn(CALM);
  });

  it("tells a node that is too old, and the node updates itself", async () => {
    workload.begin("too old");
    shelve(site.node(OLD_NODE), releases.second);
    site.planeSettings({ oldestProtocolVersion: 2 });
    await workload.pause();
    for (const id of await workload.open()) mayRunAgain.add(id);
    await site.plane.must(["systemctl", "restart", PLANE_UNIT]);
    await workload.start();
    await until(90_000, "n3 has updated itself", async () => {
      const worker = await site.worker(OLD_NODE);
      return worker?.connected === true && worker.softwareVersion === "1.1.0";
    });
    expect(await site.node(OLD_NODE).journal(WORKER_UNIT)).toContain("ktrdr node update");
    await workload.goesOn(CALM);
    await workload.pause();
  });

  it("has lost no operation and run none twice", async () => {
    await workload.ended(60_000);
    const counts = await workload.counts(await site.starts(), mayRunAgain);
    console.log(report(counts));
    expect(counts.flatMap(({ faults }) => faults)).toEqual([]);
    expect(counts.map(({ phase }) => phase)).toHaveLength(7);
    expect(Math.min(...counts.map(({ accepted }) => accepted)), "jobs ran all the while").toBeGreaterThan(3);
    const { total } = await site.client().listOperations({ limit: 1 });
    expect(total).toBe(workload.size);
  });
});

/** The control plane's own release, as its operator calls it. */
function cli(): string[] {
  return ["node", "/opt/ktrdr/control_plane/cli/ktrdr.js", "--home", PLANE_HOME];
}

/** The number of the user that the node's process runs as. */
function userOfNode(workerId: string): string {
  const state = site.node(workerId).path("/var/lib/ktrdr/backtesting");
  expect(readdirSync(state).length).toBeGreaterThan(0);
  return execFileSync("stat", ["--format=%u", state], { encoding: "utf8" }).trim();
}

function report(counts: readonly PhaseCount[]): string {
  const table = tableText<PhaseCount>(
    [
      { heading: "PHASE", text: ({ phase }) => phase },
      { heading: "SECONDS", align: "right", text: ({ seconds }) => seconds.toFixed(1) },
      { heading: "ACCEPTED", align: "right", text: ({ accepted }) => String(accepted) },
      { heading: "STARTED", align: "right", text: ({ started }) => String(started) },
      { heading: "COMPLETED ONCE", align: "right", text: ({ completed }) => String(completed) },
      { heading: "LOST OR WRONG", align: "right", text: ({ faults }) => String(faults.length) },
    ],
    counts,
  );
  return `${table}\n${mayRunAgain.size} operations were open when a second run of them was right`;
}
