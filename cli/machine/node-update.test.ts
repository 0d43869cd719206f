import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROLES } from "../../deploy/packages-for.ts";
import { findProgram, type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";
import { runCommand } from "../program.ts";
import { testSurroundings } from "../testing/collector.ts";
import { installedRelease, judge, requireWritable } from "./node-update.ts";

let folder: string;
let opt: string;
let stand: StandIns;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-update-"));
  opt = join(folder, "opt");
  mkdirSync(join(opt, "releases"), { recursive: true });
  stand = standIns(folder);
  // systemd and a node as files: `service` says whether it is active, and the version in `broken` never connects.
  stand.program(
    "systemctl",
    `case "$*" in
  *is-active*) [[ -f $STAND_INS/service ]] ;;
  kill* | stop*) rm -f "$STAND_INS/service" ;;
  start*) touch "$STAND_INS/service" ;;
esac`,
  );
  stand.program(
    "curl",
    `[[ -f $STAND_INS/service ]] || exit 7
version=$(sed -n 's/.*"version":"\\([^"]*\\)".*/\\1/p' "$KTRDR_OPT/backtesting/package.json")
if [[ $version == "$(cat "$STAND_INS/broken" 2> /dev/null)" ]]; then echo '{"connected":false}'; else echo '{"connected":true}'; fi`,
  );
  stand.program("npm");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const surroundingsFor = (settings: Record<string, unknown> = {}) => {
  const lines = Object.entries({ url: "http://k.example", worker_id: "n1", ...settings });
  writeFileSync(join(folder, "backtesting.yaml"), lines.map(([key, value]) => `${key}: ${value}\n`).join(""));
  return {
    ...{ PATH: stand.path, HOME: folder, KTRDR_HOME: folder, KTRDR_POLL_SECONDS: "0.05" },
    ...{ KTRDR_OPT: opt, KTRDR_ETC: folder },
  };
};

async function update(words: readonly string[], settings: Record<string, unknown> = {}) {
  const surroundings = testSurroundings(surroundingsFor(settings));
  const code = await runCommand(["node", "update", "--type", "backtesting", ...words], surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

/** The node runs that release. */
function runs(version: string, manifest: Record<string, unknown> = {}): void {
  const release = join(opt, "releases", `ktrdr-${version}`);
  mkdirSync(release);
  writeFileSync(join(release, "package.json"), JSON.stringify({ name: "ktrdr", version, ...manifest }));
  rmSync(join(opt, "backtesting"), { force: true });
  symlinkSync(`releases/ktrdr-${version}`, join(opt, "backtesting"));
  writeFileSync(join(folder, "service"), "");
}

/** A package with what update-code.sh looks for; answers its path. */
function pack(version: string, program = ""): string {
  const tree = join(folder, `tree-${version}`);
  const files = {
    "package.json": JSON.stringify({ name: "ktrdr", version, type: "module" }),
    "deploy/packages-for.js": "",
    "compute-node/main.js": program,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(tree, "package", path, ".."), { recursive: true });
    writeFileSync(join(tree, "package", path), text);
  }
  const shelf = join(folder, "shelf");
  mkdirSync(shelf, { recursive: true });
  const file = join(shelf, `ktrdr-${version}.tgz`);
  execFileSync("tar", ["-czf", file, "-C", tree, "package"]);
  const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  writeFileSync(`${file}.sha256`, `${sha256}  ktrdr-${version}.tgz\n`);
  return file;
}

const shelf = (): string => join(folder, "shelf");
const current = (): string => readlinkSync(join(opt, "backtesting"));
/** The actions on the service. */
const verbs = (): string[] =>
  stand.calls().flatMap((call) => /^systemctl (kill|stop|start)(?=.*ktrdr-worker@backtesting)/.exec(call)?.[1] ?? []);

describe.skipIf(findProgram("flock") === null)("ktrdr node update (skipped without flock)", () => {
  it("takes the newest of update_source, and does nothing when it runs already", async () => {
    runs("1.0.0");
    for (const version of ["0.9.0", "1.1.0"]) pack(version);
    const settings = { update_source: shelf() };
    expect(await update([], settings)).toMatchObject({
      code: 0,
      out: "backtesting runs 1.1.0, before it was 1.0.0.\n",
      err: `backtesting: 1.0.0 → 1.1.0 from ${join(shelf(), "ktrdr-1.1.0.tgz")}\n`,
    });
    expect(current()).toBe("releases/ktrdr-1.1.0");
    expect(verbs()).toEqual(["kill", "start"]);
    expect(await update([], settings)).toMatchObject({ code: 0, out: "backtesting: 1.1.0 is up to date.\n" });
    expect(verbs()).toEqual(["kill", "start"]);
  });

  it("answers --check with 0 or 10 and as JSON, and leaves nothing behind", async () => {
    runs("1.0.0");
    pack("1.0.0");
    expect((await update(["--check", "--from", shelf()])).code).toBe(10);
    pack("0.9.0");
    pack("1.2.0");
    const { code, out } = await update(["--check", "--json"], { update_source: shelf() });
    expect(code).toBe(10);
    expect(JSON.parse(out)).toEqual([
      {
        ...{ worker_type: "backtesting", result: "available", version: "1.2.0", verdict: "newer" },
        ...{ release_before: "ktrdr-1.0.0", version_before: "1.0.0", origin: join(shelf(), "ktrdr-1.2.0.tgz") },
      },
    ]);
    expect(readdirSync(join(opt, "releases"))).toEqual(["ktrdr-1.0.0"]);
    expect(stand.calls()).toEqual([]);
  });

  it("goes to an older version only when one is named, and says that it is older", async () => {
    runs("1.0.0");
    const file = pack("0.9.0");
    expect(await update([], { update_source: shelf() })).toMatchObject({
      code: 0,
      out: expect.stringContaining("is up to date; "),
    });
    expect(current()).toBe("releases/ktrdr-1.0.0");
    expect(await update(["--to", "0.9.0"], { update_source: shelf() })).toMatchObject({
      code: 0,
      err: `backtesting: 1.0.0 → 0.9.0, which is older, from ${file}\n`,
    });
    expect(current()).toBe("releases/ktrdr-0.9.0");
    expect((await update(["--roll-back"])).out).toBe("backtesting runs 1.0.0 again, before it was 0.9.0.\n");
  });

  it("says which release came back, and ends with 3, when the new one does not come up", async () => {
    runs("1.0.0");
    writeFileSync(join(folder, "broken"), "1.1.0");
    const { code, out, err } = await update(["--from", pack("1.1.0"), "--healthy-timeout", "1"]);
    expect({ code, out }).toEqual({
      code: 3,
      out: "1.1.0 did not come up, so backtesting was rolled back to 1.0.0: journalctl -u ktrdr-worker@backtesting says why.\n",
    });
    expect(err).toContain("ktrdr-1.1.0 does not come up");
  });

  it("refuses a release that this machine's Node does not load, while the old one runs on", async () => {
    runs("1.0.0");
    const { code, err } = await update(["--from", pack("2.0.0", "this is no JavaScript")]);
    expect(code).toBe(1);
    expect(err).toContain("error: ktrdr-2.0.0 does not start on this machine");
    expect(err).toContain("cure: It may need another version of Node");
    expect(current()).toBe("releases/ktrdr-1.0.0");
    expect(verbs()).toEqual([]);
  });

  it("updates by itself when auto_update allows it, and fails while there is nothing newer", async () => {
    runs("1.0.0");
    pack("1.0.1");
    const off = await update(["--automatic"], { update_source: shelf(), auto_update: false });
    expect(off).toMatchObject({ code: 0, err: expect.stringContaining("auto_update is off") });
    expect(current()).toBe("releases/ktrdr-1.0.0");
    expect((await update(["--automatic"], { update_source: shelf() })).code).toBe(0);
    const again = await update(["--automatic"], { update_source: shelf() });
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining("There is nothing newer than 1.0.1") });
  });

  it("an automatic update waits for another one; an update by hand fails and says that another one runs", async () => {
    runs("1.0.0");
    const file = pack("1.1.0");
    const lock = spawn("flock", [join(opt, "update.lock"), "sh", "-c", "echo locked; sleep 1"]);
    await once(lock.stdout, "data");
    const byHand = await update(["--from", file]);
    expect(byHand).toMatchObject({
      code: 1,
      err: expect.stringContaining("error: another update runs on this machine"),
    });
    expect((await update(["--automatic"], { update_source: shelf() })).out).toContain("runs 1.1.0");
  });

  it("asks no registry for a ktrdr that never came from one", async () => {
    runs("1.0.0", { private: true });
    expect(await update(["--check"])).toMatchObject({ code: 1, err: expect.stringContaining("update_source") });
    expect(stand.calls()).toEqual([]);
  });

  it("asks npm when no other source is set", async () => {
    runs("1.0.0");
    const file = pack("1.1.0");
    const integrity = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
    stand.program(
      "npm",
      `case $1 in
  view) echo '{"version":"1.1.0","dist.integrity":"${integrity}"}' ;;
  pack) cp '${file}' "\${!#}" && echo '[{"filename":"ktrdr-1.1.0.tgz"}]' ;;
esac`,
    );
    const { code, out, err } = await update([]);
    expect({ code, out }, err).toEqual({ code: 0, out: "backtesting runs 1.1.0, before it was 1.0.0.\n" });
    expect(stand.calls()).toContain("npm view ktrdr@latest version dist.integrity dist.tarball --json");
    expect((await update([])).out).toBe("backtesting: 1.1.0 is up to date.\n");
  });

  it("brings a machine from the package that npm installed to a release, and back", async () => {
    const installed = join(folder, "lib", "node_modules", "ktrdr");
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, "package.json"), '{"name":"ktrdr","version":"1.0.0"}');
    symlinkSync(installed, join(opt, "backtesting"));
    writeFileSync(join(folder, "service"), "");
    expect((await update(["--from", pack("1.1.0")])).code).toBe(0);
    expect(readlinkSync(join(opt, "backtesting.previous"))).toBe(installed);
    expect((await update(["--roll-back"])).out).toContain("runs 1.0.0 again");
    expect(current()).toBe(installed);
    expect(existsSync(join(installed, "package.json"))).toBe(true);
  });

  it.each([
    [["--roll-back", "--to", "1.0.0"], "--roll-back goes back"],
    [["--roll-back", "--check"], "--check says what there is"],
    [["--sha256", "a".repeat(64)], "--sha256 says what one file has to be"],
    [["--interrupt"], "--interrupt stops what runs after --drain-timeout"],
  ])("refuses %j", async (words, message) => {
    expect(await update(words)).toMatchObject({ code: 1, err: expect.stringContaining(message) });
  });

  it.each(["0", "-1", "1.5", "soon"])("refuses --drain-timeout %s", async (text) => {
    const { code, err } = await update([`--drain-timeout=${text}`]);
    expect(code).toBe(2);
    expect(err).toContain("a whole number of seconds");
  });
});

it("loads no package of a node for a control plane", async () => {
  const programs = ["cli/main.ts", "cli/program.ts", "cli/commands/node/node-update.ts", "cli/machine/node-update.ts"];
  const root = join(import.meta.dirname, "..", "..");
  const { metafile } = await build({
    ...{ absWorkingDir: root, entryPoints: programs, outdir: "unused", write: false, metafile: true },
    ...{ bundle: true, packages: "external", platform: "node", format: "esm", logLevel: "error" },
  });
  const seen = new Set(programs);
  const packages = new Set<string>();
  for (const path of seen) {
    for (const { path: imported, kind, external } of metafile.inputs[path].imports) {
      if (kind === "dynamic-import" || imported.startsWith("node:")) continue;
      if (external === true) packages.add(imported);
      else seen.add(imported);
    }
  }
  expect(seen.size).toBeGreaterThan(20);
  expect([...packages].filter((name) => !ROLES["control-plane"].includes(name))).toEqual([]);
});

describe("the installed release", () => {
  const machine = () => ({ prefix: join(folder, "root"), isImage: false, environment: {} });

  it("is refused with its path when it is a checkout, which no update switches", () => {
    const units = join(folder, "root/etc/systemd/system");
    mkdirSync(units, { recursive: true });
    const line = "ExecStart=/usr/bin/node /srv/ktrdr/compute-node/main.ts --config /etc/ktrdr/%i.yaml\n";
    writeFileSync(join(units, "ktrdr-worker@.service"), line);
    expect(() => installedRelease(machine(), "backtesting")).toThrow(
      "runs /srv/ktrdr/compute-node/main.ts, which no update",
    );
  });

  it("is missing without a link, and only root may change it", () => {
    expect(() => installedRelease(machine(), "gpu_host")).toThrow("leads to no ktrdr");
    expect(() => requireWritable(machine())).toThrow("may not be changed");
  });

  it("is compared with the found release by version and bytes", () => {
    const installed = { version: "1.0.0", name: "ktrdr-1.0.0", sha256: "a", isPrivate: false };
    expect(judge(installed, "1.0.1", "b")).toBe("newer");
    expect(judge(installed, "1.0.0-rc.1", null)).toBe("older");
    expect(judge(installed, "1.0.0", "a")).toBe("current");
    expect(judge(installed, "1.0.0", "b")).toBe("other");
    expect(judge(installed, "1.0.0", null)).toBe("current");
    expect(judge({ ...installed, sha256: null }, "1.0.0", "b")).toBe("other");
  });
});
