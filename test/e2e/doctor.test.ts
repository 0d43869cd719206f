/** `ktrdr doctor` on a machine with a node: every trouble is made, found, and comes with its cure. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import type { Finding } from "../../cli/machine/doctor-judgements.ts";
import { runCommand } from "../../cli/program.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";
import { HOUR_MS } from "../../protocol/durations.ts";
import { PROTOCOL_VERSION } from "../../protocol/index.ts";
import { Fleet } from "../support/fleet.ts";

const WORKER = "n1";

let fleet: Fleet;
let healthPort: number;
beforeAll(async () => {
  fleet = await Fleet.start();
  healthPort = await probePort(0);
  await fleet.startNodes([WORKER], ["--health-port", String(healthPort)]);
});
afterAll(async () => {
  await fleet?.stop();
});

let folder: string;
let stand: StandIns;
let way: Server | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-doctor-"));
  mkdirSync(join(folder, "etc"));
  stand = standIns(folder);
  systemdSays("active");
  way = null;
});
afterEach(() => {
  way?.closeAllConnections();
  way?.close();
  rmSync(folder, { recursive: true, force: true });
});

function systemdSays(state: string): void {
  stand.program("systemctl", `[[ $1 == show ]] && printf 'ActiveState=${state}\nNRestarts=2\n'; exit 0`);
}

/** The settings of the node's unit; the node itself is the fleet's. */
function install(change: Record<string, unknown> = {}, type = "backtesting"): void {
  const settings = {
    url: fleet.url,
    worker_id: WORKER,
    worker_type: type,
    health_port: healthPort,
    home: fleet.home.root,
  };
  writeFileSync(join(folder, "etc", `${type}.yaml`), JSON.stringify({ ...settings, ...change }));
}

interface Examination {
  readonly code: number;
  /** By its name without the type; failing where there is none. */
  of(check: string): Finding;
}

async function doctor(
  words: string[] = [],
  environment: NodeJS.ProcessEnv = {},
  type = "backtesting",
): Promise<Examination> {
  const surroundings = testSurroundings({
    ...{ PATH: stand.path, KTRDR_HOME: join(folder, "desk"), KTRDR_ETC: join(folder, "etc") },
    ...environment,
  });
  const code = await runCommand(["doctor", "--json", ...words], surroundings);
  return examination(code, surroundings.stdout.text(), type);
}

function examination(code: number, json: string, type: string): Examination {
  const { findings } = JSON.parse(json) as { findings: Finding[] };
  return {
    code,
    of(check) {
      const found = findings.find((finding) => finding.check === `${type}: ${check}`);
      if (found === undefined) throw new Error(`no finding "${check}" in ${json}`);
      return found;
    },
  };
}

/** A proxy before the control plane. `change` may alter an answer's head; an upgrade goes through unless it is refused. */
async function wayThrough(
  change: { date?: Date; body?: (text: string) => string; isUpgradeRefused?: true } = {},
): Promise<string> {
  const target = new URL(fleet.url);
  const server = createServer((incoming, outgoing) => {
    // Hop-by-hop headers end here, as in a proxy that knows nothing of WebSockets.
    const { upgrade, connection, ...headers } = incoming.headers;
    const forwarded = httpRequest(
      { host: target.hostname, port: target.port, path: incoming.url, method: incoming.method, headers },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const head = { "content-type": answer.headers["content-type"] ?? "", date: answer.headers.date ?? "" };
          outgoing.writeHead(answer.statusCode ?? 502, {
            ...head,
            ...(change.date && { date: change.date.toUTCString() }),
          });
          outgoing.end(change.body?.(text) ?? text);
        });
      },
    );
    incoming.pipe(forwarded);
  });
  if (change.isUpgradeRefused !== true) {
    server.on("upgrade", (incoming, socket, head) => {
      const onward = connect(Number(target.port), target.hostname, () => {
        const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}\r\n`);
        onward.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      for (const end of [onward, socket]) end.on("error", () => end.destroy());
    });
  }
  way = server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The node's credential in another home, as if it had been issued by `url`. */
function credentialFor(url: string, credential?: string): string {
  const home = join(folder, "home");
  mkdirSync(join(home, "nodes", WORKER), { recursive: true });
  const stored = JSON.parse(readFileSync(join(fleet.home.nodes, WORKER, "credential.json"), "utf8"));
  const changed = { ...stored, url, ...(credential === undefined ? {} : { credential }) };
  writeFileSync(join(home, "nodes", WORKER, "credential.json"), JSON.stringify(changed));
  return home;
}

it("ktrdr doctor finds a healthy node healthy with nothing but the node's own credential, and leaves its connection alone", async () => {
  install();
  const before = await fleet.client.workerHistory(WORKER);
  const { code, of } = await doctor();
  for (const check of ["settings", "service", "control plane", "version", "clock", "credential"]) {
    expect(of(check), check).toMatchObject({ status: "ok" });
  }
  expect(code).toBe(0);
  expect(of("service").detail).toContain("connected, restarts: 2");
  expect(of("credential").detail).toBe("an outbound WebSocket opens");
  expect(await fleet.client.workerHistory(WORKER)).toEqual(before);
});

it.each(["failed", "inactive"])("ktrdr doctor names a unit that is %s, and how to see why", async (state) => {
  systemdSays(state);
  install();
  const { code, of } = await doctor();
  expect(code).toBe(1);
  expect(of("service")).toMatchObject({ status: "failed", detail: `ktrdr-worker@backtesting.service is ${state}.` });
  expect(of("service").cure).toContain("journalctl -u ktrdr-worker@backtesting.service");
});

it("ktrdr doctor tells a node that runs from one that answers", async () => {
  install({ health_port: await probePort(0) });
  expect((await doctor()).of("service")).toMatchObject({
    status: "failed",
    detail: expect.stringContaining("not answer"),
  });
});

it("ktrdr doctor finds a credential that is revoked, damaged, missing, or for another control plane", async () => {
  const other = `ktrdr.default.${"x".repeat(43)}`;
  install({ home: credentialFor(fleet.url, other) });
  expect((await doctor()).of("credential")).toMatchObject({
    status: "failed",
    detail: expect.stringContaining("it was revoked, or the node was removed"),
    cure: expect.stringContaining("ktrdr enrol"),
  });
  install({ home: credentialFor("http://elsewhere:8787") });
  expect((await doctor()).of("credential").detail).toContain("is for http://elsewhere:8787");
  writeFileSync(join(folder, "home", "nodes", WORKER, "credential.json"), "{");
  expect((await doctor()).of("credential").detail).toContain("is damaged");
  install({ home: join(folder, "nowhere") });
  expect((await doctor()).of("credential")).toMatchObject({ detail: expect.stringContaining("no credential") });
  install({ home: join(folder, "nowhere"), token: "ktrdr.default.enrolment" });
  expect((await doctor()).of("credential")).toMatchObject({ status: "warning" });
});

it("ktrdr doctor tells a proxy that lets no WebSocket through from one that does", async () => {
  const open = await wayThrough();
  install({ url: open, home: credentialFor(open) });
  expect((await doctor()).of("credential")).toMatchObject({ status: "ok" });
  way?.closeAllConnections();
  way?.close();
  const blocked = await wayThrough({ isUpgradeRefused: true });
  install({ url: blocked, home: credentialFor(blocked) });
  const { code, of } = await doctor();
  expect(code).toBe(1);
  expect(of("control plane")).toMatchObject({ status: "ok" });
  expect(of("credential")).toMatchObject({ status: "failed", cure: expect.stringContaining("Upgrade: websocket") });
});

it("ktrdr doctor finds a clock that is an hour off", async () => {
  const url = await wayThrough({ date: new Date(Date.now() - HOUR_MS) });
  install({ url, home: credentialFor(url) });
  expect((await doctor()).of("clock")).toMatchObject({
    status: "failed",
    detail: expect.stringMatching(/3(599|600|601)\.\d s ahead of/),
    cure: expect.stringContaining("timedatectl set-ntp true"),
  });
});

it("ktrdr doctor finds that the control plane serves only newer nodes, and says what to do", async () => {
  const next = PROTOCOL_VERSION + 1;
  const url = await wayThrough({
    body: (text) => text.replace(/"oldest_protocol_version":\d+/, `"oldest_protocol_version":${next}`),
  });
  install({ url, home: credentialFor(url) });
  expect((await doctor()).of("version")).toMatchObject({
    status: "failed",
    cure: "Update this machine: `ktrdr node update`.",
  });
});

it("ktrdr doctor says that nobody listens at the address of the settings, and which settings those are", async () => {
  install({ url: `http://127.0.0.1:${await probePort(0)}` });
  const { of } = await doctor();
  expect(of("control plane")).toMatchObject({ status: "failed", detail: expect.stringContaining("ECONNREFUSED") });
  expect(of("control plane").cure).toMatch(/^Is `url` right in its settings\?/);
});

it("ktrdr doctor finds an unknown key in the settings", async () => {
  install({ slot: 2 });
  expect((await doctor()).of("settings")).toMatchObject({ status: "failed", detail: expect.stringContaining("slot") });
});

it("ktrdr doctor finds a gpu_host without a GPU", async () => {
  install({}, "gpu_host");
  // No driver is found, even on a machine with a GPU.
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  Object.assign(process.env, { VK_DRIVER_FILES: "/nowhere.json", VK_ICD_FILENAMES: "/nowhere.json" });
  try {
    const surroundings = testSurroundings({ PATH: stand.path, KTRDR_HOME: folder, KTRDR_ETC: join(folder, "etc") });
    await runCommand(["doctor", "--json"], surroundings);
    const { findings } = JSON.parse(surroundings.stdout.text()) as { findings: Finding[] };
    expect(findings.find(({ check }) => check === "gpu")).toMatchObject({ status: "failed", cure: expect.any(String) });
  } finally {
    for (const [name, value] of Object.entries({ VK_DRIVER_FILES, VK_ICD_FILENAMES })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

it("ktrdr doctor asks for newer releases only when it is told to", async () => {
  const opt = join(folder, "opt");
  mkdirSync(join(opt, "backtesting"), { recursive: true });
  writeFileSync(join(opt, "backtesting", "package.json"), JSON.stringify({ name: "ktrdr", version: "0.0.1" }));
  writeFileSync(join(folder, "SHA256SUMS"), `${"0".repeat(64)}  ktrdr-0.0.2.tgz\n`);
  install();
  const surroundings = { KTRDR_OPT: opt, KTRDR_UPDATE_SOURCE: folder };
  await expect(doctor([], surroundings).then(({ of }) => of("update"))).rejects.toThrow('no finding "update"');
  expect((await doctor(["--updates"], surroundings)).of("update")).toMatchObject({
    status: "warning",
    detail: expect.stringMatching(/^This is 0\.0\.1; 0\.0\.2 is at /),
    cure: "`ktrdr node update --type backtesting`.",
  });
});

const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0;
it.skipIf(!canMount)("ktrdr doctor finds a full disk (skipped where nobody may mount one)", () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  install({ home: disk });
  const script = `mount -t tmpfs -o size=1m tmpfs '${disk}' && exec node cli/ktrdr.js doctor --json`;
  const { stdout } = spawnSync("unshare", ["--mount", "bash", "-c", script], {
    cwd: PROJECT_FOLDER,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: stand.path, KTRDR_HOME: join(folder, "desk"), KTRDR_ETC: join(folder, "etc") },
  });
  expect(examination(1, stdout, "backtesting").of("disk")).toMatchObject({
    status: "failed",
    detail: `Only 0.0 GB of 0.0 GB free for ${disk}.`,
    cure: expect.stringContaining("use a larger disk"),
  });
});
