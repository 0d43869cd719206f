import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { EXIT_TOO_OLD } from "../../compute-node/agent/index.ts";
import { findProgram, type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";
import { runCommand } from "../program.ts";
import { testSurroundings } from "../testing/collector.ts";
import {
  drainService,
  type InstallRequest,
  install,
  type Machine,
  planInstall,
  serviceStatus,
  uninstall,
} from "./node-service.ts";
import { unitText } from "./service-files.ts";
import { UNIT_CODE, UNIT_NODE } from "./unit-paths.ts";

const UNITS = join(import.meta.dirname, "..", "..", "deploy", "systemd");

let folder: string;
let stand: StandIns;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-service-"));
  chmodSync(folder, 0o755);
  stand = standIns(folder);
  stand.program("systemd-sysusers");
  stand.program("systemctl", `[[ $1 == show ]] && printf 'ActiveState=active\\nNRestarts=2\\n'; exit 0`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function machine(): Machine {
  // The tests' own folders may be closed to other users; a machine with ktrdr installed is different.
  const modeOf = (path: string): number => (folder.startsWith(path) ? 0o755 : statSync(path).mode);
  return { prefix: join(folder, "root"), isImage: false, environment: { PATH: stand.path }, modeOf };
}

/** Code that everyone may read. */
function request(flags: Record<string, unknown>): InstallRequest {
  const codePath = join(folder, "code");
  mkdirSync(join(codePath, "compute-node"), { recursive: true });
  writeFileSync(join(codePath, "compute-node", "main.ts"), "");
  return { flags: { workerId: "n1", url: "http://plane:8787", ...flags }, limits: {}, nodePath: "/bin/sh", codePath };
}

/** A node's /health; answers its port. */
async function healthy(): Promise<{ port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const body = { worker_id: "n1", connected: true, worker_status: "idle", slots: 4, slots_used: 1, version: "0.1.0" };
  const server = createServer((_request, response) => response.end(JSON.stringify(body)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

function written(path: string): string {
  return readFileSync(`${folder}/root${path}`, "utf8");
}

describe("installing a node", () => {
  it("writes settings and unit, makes the user, enables and starts it, and waits until it is connected", async () => {
    await using node = await healthy();
    const asked = request({ token: "secret", slots: "4", healthPort: String(node.port) });
    await install(machine(), planInstall(machine(), asked), asked);
    expect(parse(written("/etc/ktrdr/backtesting.yaml"))).toEqual({
      url: "http://plane:8787",
      token: "secret",
      worker_id: "n1",
      worker_type: "backtesting",
      slots: 4,
      home: "/var/lib/ktrdr/backtesting",
      health_port: node.port,
    });
    expect(statSync(`${folder}/root/etc/ktrdr/backtesting.yaml`).mode & 0o777).toBe(0o640);
    expect(written("/etc/systemd/system/ktrdr-worker@.service")).toContain(
      `ExecStart=/bin/sh ${folder}/code/compute-node/main.ts --config /etc/ktrdr/%i.yaml`,
    );
    expect(stand.calls()).toEqual([
      "systemd-sysusers ",
      "systemctl daemon-reload",
      "systemctl enable ktrdr-worker@backtesting.service",
      "systemctl restart ktrdr-worker@backtesting.service",
    ]);
  });

  it("keeps settings of an earlier installation, and changes those that are given now", async () => {
    await using node = await healthy();
    const first = request({ token: "secret", slots: "4", healthPort: String(node.port) });
    await install(machine(), planInstall(machine(), first), first);
    const second: InstallRequest = { ...first, flags: { slots: "2" }, limits: { memoryMax: "8G", cpuQuota: "200%" } };
    await install(machine(), planInstall(machine(), second), second);
    expect(parse(written("/etc/ktrdr/backtesting.yaml"))).toMatchObject({ slots: 2, worker_id: "n1", token: "secret" });
    const limits = "/etc/systemd/system/ktrdr-worker@backtesting.service.d/60-limits.conf";
    expect(written(limits)).toContain("MemoryHigh=infinity\nMemoryMax=8G\nCPUQuota=200%\n");
    await install(machine(), planInstall(machine(), first), first);
    expect(existsSync(`${folder}/root${limits}`)).toBe(false);
  });

  it("gives a gpu_host the graphics devices", () => {
    const { files } = planInstall(machine(), request({ workerType: "gpu_host" }));
    expect(files.find(({ path }) => path.endsWith("50-gpu.conf"))?.text).toContain("PrivateDevices=no");
  });

  it("needs no token on a machine that has joined before", () => {
    expect(planInstall(machine(), request({})).isEnrolled).toBe(false);
    const credential = `${folder}/root/var/lib/ktrdr/backtesting/nodes/n1/credential.json`;
    mkdirSync(dirname(credential), { recursive: true });
    writeFileSync(credential, "{}");
    expect(planInstall(machine(), request({})).isEnrolled).toBe(true);
  });

  it("makes links for an installed package, names it by them, and installs the unit that updates a node that is too old", async () => {
    await using node = await healthy();
    const { codePath } = request({});
    writeFileSync(join(codePath, "compute-node", "main.js"), "");
    const links = [{ path: "/opt/ktrdr/backtesting", target: codePath }];
    const asked = { ...request({ token: "secret", healthPort: String(node.port) }), codePath: UNIT_CODE, links };
    await install(machine(), planInstall(machine(), asked), asked);
    expect(readlinkSync(`${folder}/root/opt/ktrdr/backtesting`)).toBe(codePath);
    const unit = written("/etc/systemd/system/ktrdr-worker@.service");
    expect(unit).toContain("ExecStart=/bin/sh /opt/ktrdr/%i/compute-node/main.js --config");
    expect(unit).toContain("OnFailure=ktrdr-update@%i.service");
    expect(unit).toContain(`RestartPreventExitStatus=2 ${EXIT_TOO_OLD}\n`);
    const update = written("/etc/systemd/system/ktrdr-update@.service");
    expect(update).toContain(`= ${EXIT_TOO_OLD}'`);
    expect(update).toContain(" node update --type %i --automatic\n");
    expect(uninstall(machine(), "backtesting", true)).toEqual([
      "/etc/ktrdr/backtesting.yaml",
      "/etc/systemd/system/ktrdr-worker@.service",
      "/etc/systemd/system/ktrdr-update@.service",
      "/etc/sysusers.d/ktrdr.conf",
      "/opt/ktrdr/backtesting",
    ]);
    expect(existsSync(codePath)).toBe(true);
  });

  it("follows the links to check that the service's user may read the package", async () => {
    const { codePath } = request({});
    writeFileSync(join(codePath, "compute-node", "main.js"), "");
    chmodSync(codePath, 0o700);
    const links = [{ path: "/opt/ktrdr/backtesting", target: codePath }];
    const asked = { ...request({ token: "secret" }), codePath: UNIT_CODE, links };
    await expect(install(machine(), planInstall(machine(), asked), asked)).rejects.toThrow(`${codePath} is closed`);
  });

  it("leaves a checkout without updates, and code below a home readable behind a link", () => {
    expect(unitText("/usr/bin/node", "/srv/ktrdr")).not.toContain("OnFailure");
    expect(unitText("/usr/bin/node", UNIT_CODE)).toContain("ProtectHome=yes");
    const links = [{ target: "/home/kim/.nvm/lib/node_modules/ktrdr" }];
    expect(unitText("/usr/bin/node", UNIT_CODE, links)).toContain("ProtectHome=read-only");
  });

  it("refuses code that the service's user may not read, and names the closed folder", async () => {
    const asked = request({ token: "secret" });
    chmodSync(asked.codePath, 0o700);
    await expect(install(machine(), planInstall(machine(), asked), asked)).rejects.toThrow(
      `${asked.codePath} is closed`,
    );
    expect(stand.calls()).toEqual([]);
  });

  it("shows the message of a program that fails", async () => {
    stand.program("systemctl", "echo 'System has not been booted with systemd' >&2; exit 1");
    const asked = request({ token: "secret" });
    await expect(install(machine(), planInstall(machine(), asked), asked)).rejects.toThrow(
      "systemctl daemon-reload failed: System has not been booted with systemd",
    );
  });

  it.each([
    [{ memoryMax: "8 GB" }, "--memory-max 8 GB is no limit"],
    [{ cpuQuota: "4" }, "--cpu-quota 4 is no limit"],
    [{ cpuQuota: "10%\nExecStart=/bin/evil" }, "is no limit"],
  ])("refuses the limit %j", (limits, message) => {
    expect(() => planInstall(machine(), { ...request({}), limits })).toThrow(message);
  });

  it("refuses a path that a unit would read as several words", () => {
    expect(() => planInstall(machine(), { ...request({}), codePath: "/home/kim/my code" })).toThrow(
      "/home/kim/my code",
    );
  });
});

describe("a node that is installed", () => {
  it("reports its status from systemd and from itself, drains, and leaves no trace when purged", async () => {
    await using node = await healthy();
    const asked = request({ token: "secret", healthPort: String(node.port) });
    await install(machine(), planInstall(machine(), asked), asked);
    expect(await serviceStatus(machine(), "backtesting")).toMatchObject({
      ...{ workerId: "n1", state: "active", restarts: 2 },
      health: { connected: true, slots_used: 1 },
    });
    drainService(machine(), "backtesting");
    expect(stand.calls().at(-1)).toBe(
      "systemctl kill --kill-who=main --signal=SIGUSR2 ktrdr-worker@backtesting.service",
    );
    mkdirSync(`${folder}/root/var/lib/ktrdr/backtesting/data`, { recursive: true });
    expect(uninstall(machine(), "backtesting", true)).toEqual([
      "/etc/ktrdr/backtesting.yaml",
      "/etc/systemd/system/ktrdr-worker@.service",
      "/etc/sysusers.d/ktrdr.conf",
      "/var/lib/ktrdr/backtesting",
    ]);
    expect(stand.calls()).toContain("systemctl disable --now ktrdr-worker@backtesting.service");
  });

  it("is uninstalled without the unit that other types share, and without its data", async () => {
    await using node = await healthy();
    for (const workerType of ["backtesting", "cpu_training"]) {
      const asked = request({ token: "secret", workerType, healthPort: String(node.port) });
      await install(machine(), planInstall(machine(), asked), asked);
    }
    expect(uninstall(machine(), "cpu_training", false)).toEqual(["/etc/ktrdr/cpu_training.yaml"]);
    expect(written("/etc/systemd/system/ktrdr-worker@.service")).toContain("[Service]");
  });
});

describe("ktrdr node", () => {
  async function ktrdr(...words: string[]): Promise<{ code: number; out: string; err: string }> {
    const surroundings = testSurroundings({ KTRDR_HOME: folder, PATH: stand.path });
    const code = await runCommand(["node", ...words], surroundings);
    return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
  }

  it("install --dry-run shows files and commands, hides the token, and touches nothing", async () => {
    const root = join(folder, "image");
    const words = [
      "--url",
      "https://k.example",
      "--token",
      "tok-secret",
      "--worker-id",
      "n1",
      "--root",
      root,
      "--dry-run",
    ];
    const { code, out } = await ktrdr("install", ...words);
    expect(code).toBe(0);
    expect(out).toContain(`would write ${root}/etc/ktrdr/backtesting.yaml (0640):`);
    expect(out).toContain(`would run systemctl --root=${root} enable ktrdr-worker@backtesting.service`);
    expect(out).toContain("token: <the enrolment token>");
    expect(out).not.toContain("tok-secret");
    expect(existsSync(root)).toBe(false);
    expect(stand.calls()).toEqual([]);
  });

  it("install --root fills a tree, uninstall --root empties it, and neither starts anything", async () => {
    const root = join(folder, "image");
    const words = ["--url", "https://k.example", "--token", "t", "--worker-id", "n1", "--type", "cpu_training"];
    const programs = ["--program", "trend=/opt/trend.mjs", "--program", "torch=/opt/torch.py"];
    const installed = await ktrdr("install", ...words, ...programs, "--root", root);
    expect(installed).toMatchObject({ code: 0, err: "" });
    const settings = parse(readFileSync(`${root}/etc/ktrdr/cpu_training.yaml`, "utf8"));
    expect(settings.commands).toEqual({ trend: ["/opt/trend.mjs"], torch: ["/opt/torch.py"] });
    expect(installed.out).toContain("it joins https://k.example when that machine starts");
    expect(readFileSync(`${root}/etc/systemd/system/ktrdr-worker@.service`, "utf8")).toBe(
      readFileSync(join(UNITS, "ktrdr-worker@.service"), "utf8"),
    );
    const removed = await ktrdr("uninstall", "--root", root);
    expect(removed.out).toContain("removed /etc/ktrdr/cpu_training.yaml");
    expect(stand.calls()).toEqual([
      `systemd-sysusers --root=${root}`,
      `systemctl --root=${root} enable ktrdr-worker@cpu_training.service`,
      `systemctl --root=${root} disable ktrdr-worker@cpu_training.service`,
    ]);
  });

  it("install takes --command of earlier releases, and keeps the programs that they wrote as commands", async () => {
    const root = join(folder, "image");
    const words = ["--url", "https://k.example", "--token", "t", "--worker-id", "n1", "--root", root];
    const installed = await ktrdr("install", ...words, "--command", "trend=/opt/trend.mjs", "--program", "b=/bin/sh");
    expect(installed).toMatchObject({ code: 0, err: "" });
    const file = `${root}/etc/ktrdr/backtesting.yaml`;
    expect(parse(readFileSync(file, "utf8")).commands).toEqual({ trend: ["/opt/trend.mjs"], b: ["/bin/sh"] });
    writeFileSync(
      file,
      "worker_id: n1\nurl: https://k.example\ncommands: { old: /opt/old.py }\ncommand_time_limit_ms: 5\n",
    );
    expect(await ktrdr("install", ...words)).toMatchObject({ code: 0, err: "" });
    expect(parse(readFileSync(file, "utf8"))).toMatchObject({
      commands: { old: ["/opt/old.py"] },
      command_time_limit_ms: 5,
    });
  });

  it("drain asks the node to leave, and drain --off takes that back", async () => {
    const environment = { KTRDR_HOME: folder, PATH: stand.path, KTRDR_ETC: folder };
    writeFileSync(join(folder, "gpu_host.yaml"), "url: http://k.example\n");
    for (const words of [
      ["node", "drain"],
      ["node", "drain", "--off"],
    ]) {
      expect(await runCommand(words, testSurroundings(environment))).toBe(0);
    }
    const unit = "ktrdr-worker@gpu_host.service";
    expect(stand.calls()).toEqual(
      ["USR2", "CONT"].map((name) => `systemctl kill --kill-who=main --signal=SIG${name} ${unit}`),
    );
  });

  it("install without a token says how to get one", async () => {
    const { code, err } = await ktrdr("install", "--url", "https://k.example", "--root", join(folder, "image"));
    expect(code).toBe(1);
    expect(err).toContain("ktrdr enrol");
  });
});

const ANALYZE = findProgram("systemd-analyze");
const VERSION =
  ANALYZE === null ? 0 : Number(/\d+/.exec(execFileSync(ANALYZE, ["--version"], { encoding: "utf8" }))?.[0]);

describe.skipIf(VERSION < 252)("the units, by systemd-analyze (skipped where it is missing or older than 252)", () => {
  /** The units with programs that are here, since verify looks for them. */
  function unitFolder(): string {
    const units = join(folder, "units");
    mkdirSync(units, { recursive: true });
    const code = join(import.meta.dirname, "..", "..");
    writeFileSync(join(units, "ktrdr-worker@.service"), unitText(process.execPath, UNIT_CODE));
    const update = readFileSync(join(UNITS, "ktrdr-update@.service"), "utf8").replaceAll(UNIT_NODE, process.execPath);
    for (const instance of ["", "backtesting", "cpu_training", "gpu_host"]) {
      writeFileSync(join(units, `ktrdr-update@${instance}.service`), update);
    }
    const plane = readFileSync(join(UNITS, "ktrdr-control-plane.service"), "utf8");
    writeFileSync(
      join(units, "ktrdr-control-plane.service"),
      plane.replaceAll(UNIT_NODE, process.execPath).replaceAll("/opt/ktrdr/control_plane", code),
    );
    for (const type of ["backtesting", "cpu_training", "gpu_host"]) {
      writeFileSync(join(units, `ktrdr-worker@${type}.service`), readFileSync(join(units, "ktrdr-worker@.service")));
    }
    const gpu = join(units, "ktrdr-worker@gpu_host.service.d");
    mkdirSync(gpu);
    writeFileSync(
      join(gpu, "50-gpu.conf"),
      readFileSync(join(UNITS, "ktrdr-worker@gpu_host.service.d", "50-gpu.conf")),
    );
    return units;
  }

  const names = ["worker@backtesting", "worker@cpu_training", "worker@gpu_host", "update@backtesting", "control-plane"];
  it.each(names.map((name) => `ktrdr-${name}`))("%s has no fault", (name) => {
    const { stdout, stderr, status } = spawnSync(
      ANALYZE ?? "",
      ["verify", "--man=no", join(unitFolder(), `${name}.service`)],
      {
        encoding: "utf8",
      },
    );
    const ours = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("ktrdr"));
    expect({ ours, status }).toEqual({ ours: [], status: 0 });
  });

  it.each([
    ["ktrdr-worker@backtesting", 20],
    ["ktrdr-control-plane", 20],
  ])("%s is exposed by no more than %i of 100", (name, most) => {
    const words = ["security", "--offline=true", `--threshold=${most}`, join(unitFolder(), `${name}.service`)];
    const { status, stdout } = spawnSync(ANALYZE ?? "", words, { encoding: "utf8" });
    expect(status, stdout.split("\n").slice(-4).join("\n")).toBe(0);
  });
});
