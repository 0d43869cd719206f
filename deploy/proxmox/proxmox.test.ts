import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeProxmox, fakeProxmox } from "../testing/fake-proxmox.ts";
import { findProgram, type StandIns, standIns } from "../testing/stand-ins.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const TEMPLATE = "hostname: ktrdr-worker-base\ntemplate: 1\n";

let folder: string;
let stand: StandIns;
let proxmox: FakeProxmox;
let archive: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-proxmox-"));
  stand = standIns(folder);
  proxmox = fakeProxmox(folder, stand);
  archive = join(folder, "ktrdr-0.1.0-abc.tar.gz");
  writeFileSync(archive, "release");
  writeFileSync(`${archive}.sha256`, `${"a".repeat(64)}  ktrdr-0.1.0-abc.tar.gz\n`);
  writeFileSync(join(folder, "keys"), "ssh-ed25519 AAAA\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

function script(name: string, ...words: string[]): Ran {
  const { status, stdout, stderr } = spawnSync("bash", [join(ROOT, "deploy", "proxmox", name), ...words], {
    encoding: "utf8",
    env: {
      PATH: stand.path,
      HOME: folder,
      ENROLMENT_TOKEN: "tok-secret",
      KTRDR_PROVISION_LOCK: join(folder, "provision.lock"),
    },
  });
  return { code: status, out: stdout, err: stderr };
}

const CHANGING = /^pct (create|clone|set|start|stop|template|destroy|push|exec)|^pveam (update|download)/;

/** The calls that change something. */
function changes(): string[] {
  return stand.calls().filter((call) => CHANGING.test(call));
}

describe("create-base-template.sh", () => {
  const create = (...words: string[]): Ran =>
    script("create-base-template.sh", "--ssh-keys", join(folder, "keys"), ...words);

  it("makes a container, installs the environment but no code, and turns it into a template", () => {
    expect(create()).toMatchObject({ code: 0, err: "" });
    expect(changes().map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual([
      ...["pveam update", "pveam download", "pct create", "pct start", "pct exec", "pct stop", "pct template"],
    ]);
    expect(proxmox.container(9000)).toContain("template: 1");
    expect(proxmox.standardInput()).toContain("SHASUMS256.txt");
    expect(proxmox.standardInput()).not.toMatch(/git clone|ktrdr\.js/);
  });

  it("does nothing the second time", () => {
    create();
    const before = changes().length;
    expect(create().out).toContain("is there already (ID: 9000)");
    expect(changes()).toHaveLength(before);
  });

  it("stops at a number that another container has", () => {
    proxmox.addContainer(9000, "hostname: mail\n");
    const { code, err } = create();
    expect({ code, err }).toEqual({
      code: 1,
      err: "error: container 9000 is taken by mail\n  cure: Choose another with --template-id.\n",
    });
    expect(changes()).toEqual([]);
  });

  it("takes a half-made container away again", () => {
    proxmox.failInside("pipefail");
    expect(create().code).not.toBe(0);
    expect(proxmox.container(9000)).toBeNull();
  });

  it("changes nothing in a dry run", () => {
    const { out } = create("--dry-run");
    expect(out).toContain("would run: pct create 9000 local:vztmpl/debian-12-standard");
    expect(changes()).toEqual([]);
  });

  it("installs the Node that the project is tested with", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const text = readFileSync(join(ROOT, "deploy/proxmox/create-base-template.sh"), "utf8");
    expect(text).toContain(`NODE_VERSION=${devDependencies.node}\n`);
  });
});

describe("validate-template.sh", () => {
  it("checks a clone and removes it, also when something is missing", () => {
    proxmox.addContainer(9000, TEMPLATE);
    const fit = script("validate-template.sh");
    expect(fit).toMatchObject({ code: 0, err: "" });
    expect(fit.out).toContain("Template 9000 is fit for nodes.");
    proxmox.failInside("npm");
    const unfit = script("validate-template.sh");
    expect(unfit.code).toBe(1);
    expect(unfit.out).toContain("FAULT   npm runs");
    expect(unfit.err).toContain("template 9000 has 1 faults");
    expect(proxmox.container(100)).toBeNull();
  });

  it("refuses a container that is no template", () => {
    proxmox.addContainer(9000, "hostname: mail\n");
    expect(script("validate-template.sh").err).toContain("container 9000 is no template");
  });
});

describe("provision-worker.sh", () => {
  beforeEach(() => proxmox.addContainer(9000, TEMPLATE));
  const provision = (...words: string[]): Ran => script("provision-worker.sh", ...words, "--archive", archive);

  it("makes the container, puts the release in, and installs the node, its token on standard input alone", () => {
    const { code, out, err } = provision("1", "cpu_training", "192.168.1.211", "--cores", "8", "--memory-mb", "16384");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("ktrdr-training-1 is a node (container 100, 192.168.1.211).");
    const calls = changes();
    expect(calls[0]).toBe("pct clone 9000 100 --hostname ktrdr-training-1");
    expect(calls[1]).toBe(
      "pct set 100 --cores 8 --memory 16384 --features nesting=1 --onboot 1 --net0 name=eth0,bridge=vmbr0,ip=192.168.1.211/24,gw=192.168.1.1",
    );
    expect(calls).toContain(`pct push 100 ${archive} /opt/ktrdr/incoming/ktrdr-0.1.0-abc.tar.gz`);
    expect(calls.find((call) => call.includes("--install-only"))).toContain(`--sha256 ${"a".repeat(64)}`);
    expect(calls.at(-1)).toMatch(
      /node install .*--url http:\/\/192\.168\.1\.100:8787 --type cpu_training --worker-id ktrdr-training-1$/,
    );
    expect(proxmox.standardInput()).toBe("tok-secret");
    expect(stand.calls().join("\n")).not.toContain("tok-secret");
  });

  it("completes a node that exists, without a second container", () => {
    provision("1", "backtesting", "192.168.1.201");
    const again = provision("1", "backtesting", "192.168.1.201");
    expect(again).toMatchObject({ code: 0, err: "" });
    expect(stand.calls().filter((call) => call.startsWith("pct clone"))).toHaveLength(1);
    expect(stand.calls().filter((call) => call.startsWith("pct start"))).toHaveLength(1);
  });

  it.each([
    [
      "an address in another network",
      ["1", "backtesting", "192.168.2.201"],
      "192.168.2.201 is not an address for a host in 192.168.1.0/24",
    ],
    ["the broadcast address", ["1", "backtesting", "192.168.1.255"], "is not an address for a host"],
    ["no address", ["1", "backtesting", "192.168.1.300"], "is not an address for a host"],
    ["the gateway's address", ["1", "backtesting", "192.168.1.1"], "192.168.1.1 is the gateway's address"],
    ["an unknown type", ["1", "training", "192.168.1.201"], '"training" is no worker type'],
    ["a name with a shell in it", ["$(reboot)", "backtesting", "192.168.1.201"], "is no host name"],
    [
      "a URL with a shell in it",
      ["1", "backtesting", "192.168.1.201", "--backend-url", "http://x;reboot"],
      "is no URL",
    ],
    ["a taken number", ["1", "backtesting", "192.168.1.201", "--vmid", "9000"], "container 9000 is taken"],
    ["a GPU node without a GPU", ["1", "gpu_host", "192.168.1.221"], "a gpu_host needs the host's GPU"],
    [
      "a device that is not there",
      ["1", "gpu_host", "192.168.1.221", "--device", "/dev/nvidia77"],
      '"/dev/nvidia77" is no device of this host',
    ],
    ["a missing template", ["1", "backtesting", "192.168.1.201", "--template-id", "9001"], "there is no template 9001"],
    ["words that are missing", ["1", "backtesting"], "ID, TYPE and IP are needed"],
    [
      "a flag without its value",
      ["1", "backtesting", "192.168.1.201", "--cores", "many"],
      "--cores many is no whole number",
    ],
  ])("stops at %s before anything is changed", (_what, words, message) => {
    const { code, err } = provision(...words);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).toContain("  cure: ");
    expect(changes()).toEqual([]);
  });

  it("gives a gpu_host the host's devices and the Vulkan loader, and Mesa's drivers where they are not NVIDIA's", () => {
    const { code, out, err } = provision(
      "1",
      "gpu_host",
      "192.168.1.221",
      "--device",
      "/dev/null",
      "--device",
      "/dev/zero",
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(changes()[1]).toMatch(/ --dev0 path=\/dev\/null,mode=0666 --dev1 path=\/dev\/zero,mode=0666$/);
    expect(changes().find((call) => call.includes("apt-get install"))).toMatch(
      / install libvulkan1 libxext6 mesa-vulkan-drivers$/,
    );
    expect(out).toContain("is a node");
  });

  it("stops at a name, an address or a machine that exists already", () => {
    proxmox.addContainer(110, "hostname: ktrdr-backtest-1\nnet0: name=eth0,bridge=vmbr0,ip=192.168.1.250/24\n");
    expect(provision("1", "backtesting", "192.168.1.201").err).toContain(
      "the name ktrdr-backtest-1 is taken by container 110",
    );
    expect(provision("2", "backtesting", "192.168.1.250").err).toContain("192.168.1.250 is taken by container 110");
    writeFileSync(join(folder, "answering"), "192.168.1.202\n");
    expect(provision("2", "backtesting", "192.168.1.202").err).toContain("192.168.1.202 is taken: a machine answers");
    expect(changes()).toEqual([]);
  });

  it("does not take one address for the beginning of another", () => {
    proxmox.addContainer(110, "hostname: other\nnet0: name=eth0,bridge=vmbr0,ip=192.168.1.20/24\n");
    expect(provision("1", "backtesting", "192.168.1.2", "--check").out).toContain("can be made");
  });

  it("changes nothing in a dry run", () => {
    const { code, out } = provision("1", "backtesting", "192.168.1.201", "--dry-run");
    expect(code).toBe(0);
    expect(out).toContain("would run: pct clone 9000 100 --hostname ktrdr-backtest-1");
    expect(changes()).toEqual([]);
  });
});

describe("provision-fleet.sh", () => {
  beforeEach(() => proxmox.addContainer(9000, TEMPLATE));
  const fleet = (...words: string[]): Ran => script("provision-fleet.sh", "--archive", archive, ...words);

  it("makes every worker of workers.prod.yaml, side by side, each with a number of its own", () => {
    const { code, out, err } = fleet(join(ROOT, "deploy/config/workers.prod.yaml"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const names = Array.from(
      { length: 8 },
      (_, index) => /hostname: (.*)/.exec(proxmox.container(100 + index) ?? "")?.[1],
    );
    expect(names.toSorted()).toEqual([
      ...[1, 2, 3, 4, 5].map((number) => `ktrdr-backtest-${number}`),
      ...[1, 2, 3].map((number) => `ktrdr-training-${number}`),
    ]);
    expect(out.match(/ ready$/gm)).toHaveLength(8);
    expect(stand.calls().filter((call) => call.includes("--memory 16384"))).toHaveLength(3);
  });

  it("makes nothing when one of them cannot be made", () => {
    writeFileSync(join(folder, "answering"), "192.168.1.213\n");
    const { code, err } = fleet();
    expect(code).toBe(1);
    expect(err).toContain("192.168.1.213 is taken: a machine answers there");
    expect(err).toContain("nothing was made, since ktrdr-training-3 could not be");
    expect(changes()).toEqual([]);
  });

  it("stops after the group in which a node failed, and shows the outcome of each node", () => {
    const plan = join(folder, "plan.txt");
    const line = (number: number): string =>
      `w${number},192.168.1.20${number},backtesting,4,8192,9000,local-lvm,vmbr0,192.168.1.0/24,192.168.1.1,http://k:8787`;
    writeFileSync(plan, `# a heading\n${[1, 2, 3].map(line).join("\n")}\n`);
    proxmox.failInside("worker-id w1");
    const { code, out, err } = fleet("--plan", plan, "--at-once", "1");
    expect(code).toBe(1);
    expect(out).toMatch(/^w1 .* failed$/m);
    expect(out).toMatch(/^w2 .* not-tried$/m);
    expect(err).toContain("1 nodes could not be made, so the rest was not tried");
  });

  it("gives its GPU devices to nodes of type gpu_host alone", () => {
    const plan = join(folder, "plan.txt");
    const line = (id: string, host: number, type: string): string =>
      `${id},192.168.1.${host},${type},4,8192,9000,local-lvm,vmbr0,192.168.1.0/24,192.168.1.1,http://k:8787\n`;
    writeFileSync(plan, line("w1", 201, "backtesting") + line("g1", 221, "gpu_host"));
    expect(fleet("--plan", plan).err).toContain("nothing was made, since g1 could not be");
    const { code, out } = fleet("--plan", plan, "--gpu-device", "/dev/null", "--dry-run");
    expect(code).toBe(0);
    const sets = out.split("\n").filter((each) => each.startsWith("would run: pct set"));
    expect(sets.map((each) => each.includes("--dev0 path=/dev/null"))).toEqual([false, true]);
  });

  it("changes nothing in a dry run", () => {
    const { code, out } = fleet("--dry-run");
    expect(code).toBe(0);
    expect(out.match(/would run: pct clone/g)).toHaveLength(8);
    expect(changes()).toEqual([]);
  });
});

const SHELLCHECK = findProgram("shellcheck");

it.skipIf(SHELLCHECK === null)("shellcheck finds nothing in the scripts (skipped where it is not installed)", () => {
  const { stdout, status } = spawnSync("bash", ["-c", "shellcheck -x deploy/scripts/*.sh deploy/proxmox/*.sh"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});
