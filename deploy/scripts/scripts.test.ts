import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { findProgram, type StandIns, standIns } from "../testing/stand-ins.ts";

const SCRIPTS = import.meta.dirname;
const ROOT = join(SCRIPTS, "..", "..");

let folder: string;
let stand: StandIns;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-scripts-"));
  stand = standIns(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

function bash(file: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): Ran {
  const { status, stdout, stderr } = spawnSync("bash", [join(SCRIPTS, file), ...words], {
    encoding: "utf8",
    env: { PATH: stand.path, HOME: folder, KTRDR_POLL_SECONDS: "0.05", KTRDR_RESUME_SECONDS: "2", ...environment },
  });
  return { code: status, out: stdout, err: stderr };
}

/** A package with the files that update-code.sh needs in a release. */
function release(version: string, program = ""): { file: string; sha256: string } {
  const name = `ktrdr-${version}`;
  const tree = join(folder, name);
  const files = {
    version,
    "package.json": '{ "type": "module" }',
    "deploy/packages-for.js": "",
    "compute-node/main.js": program,
    "control-plane/start-control-plane.js": "",
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, "package", path)), { recursive: true });
    writeFileSync(join(tree, "package", path), text);
  }
  const file = join(folder, `${name}.tgz`);
  // The same bytes each time.
  const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0"];
  execFileSync("tar", ["--use-compress-program=gzip -n", "-cf", file, ...fixed, "-C", tree, "package"]);
  const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  writeFileSync(`${file}.sha256`, `${sha256}  ${name}.tgz\n`);
  return { file, sha256 };
}

/**
 * systemd, a node and npm as files below `KTRDR_OPT`: `service` says whether the service is active, `stubborn` keeps it up
 * when it is drained, and the version in `broken` never answers as connected.
 */
function fakeNode(): void {
  stand.program(
    "systemctl",
    `service=$KTRDR_OPT/service
case "$*" in
  *is-active*) [[ -f $service ]] ;;
  kill*) [[ -f $KTRDR_OPT/stubborn ]] || rm -f "$service" ;;
  stop*) rm -f "$service" ;;
  start*) touch "$service" ;;
esac`,
  );
  stand.program(
    "curl",
    `[[ -f $KTRDR_OPT/service ]] || exit 7
if [[ $(cat "$KTRDR_OPT/backtesting/version") == "$(cat "$KTRDR_OPT/broken" 2> /dev/null)" ]]; then echo '{"connected":false}'; else echo '{"connected":true}'; fi`,
  );
  stand.program("npm", `[[ ! -f $KTRDR_OPT/npm-fails ]]`);
}

describe("update-code.sh", () => {
  let opt: string;
  beforeEach(() => {
    opt = join(folder, "opt");
    mkdirSync(opt);
    fakeNode();
  });

  function update(...words: string[]): Ran {
    const timeouts = ["--drain-timeout", "1", "--healthy-timeout", "1"];
    return bash("update-code.sh", ["--type", "backtesting", ...timeouts, ...words], {
      KTRDR_OPT: opt,
      KTRDR_ETC: folder,
    });
  }
  const to = (version: string, ...words: string[]): Ran => {
    const { file, sha256 } = release(version);
    return update("--archive", file, "--sha256", sha256, ...words);
  };
  const current = (type = "backtesting"): string => readlinkSync(join(opt, type));

  it("unpacks a release, drains the node, switches the link, starts, and waits until it is connected", () => {
    expect(to("1.0.0").out).toBe("result=updated release=ktrdr-1.0.0 previous=\n");
    const second = to("1.1.0");
    expect(second).toMatchObject({
      code: 0,
      out: "result=updated release=ktrdr-1.1.0 previous=ktrdr-1.0.0\n",
      err: "",
    });
    expect(current()).toBe("releases/ktrdr-1.1.0");
    const calls = stand.calls();
    const drained = calls.lastIndexOf("systemctl kill --kill-who=main --signal=SIGUSR2 ktrdr-worker@backtesting");
    expect(drained).toBeGreaterThan(calls.lastIndexOf(calls.findLast((call) => call.startsWith("npm ci")) ?? ""));
    expect(calls.indexOf("systemctl start ktrdr-worker@backtesting", drained)).toBeGreaterThan(drained);
    expect(calls.filter((call) => call.startsWith("systemctl stop"))).toEqual([]);
  });

  it("keeps the release before and removes older ones", () => {
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) expect(to(version).code).toBe(0);
    expect(readdirSync(join(opt, "releases")).toSorted()).toEqual(["ktrdr-1.1.0", "ktrdr-1.2.0"]);
  });

  it("keeps each type of a machine on its own release", () => {
    expect(to("1.0.0").code).toBe(0);
    expect(to("1.0.0", "--type", "cpu_training").out).toContain("result=updated");
    for (const version of ["1.1.0", "1.2.0"]) to(version);
    expect(current("cpu_training")).toBe("releases/ktrdr-1.0.0");
    expect(readdirSync(join(opt, "releases")).toSorted()).toEqual(["ktrdr-1.0.0", "ktrdr-1.1.0", "ktrdr-1.2.0"]);
  });

  it("leaves a node alone that has the release already", () => {
    to("1.0.0");
    const before = stand.calls().length;
    expect(to("1.0.0").out).toBe("result=unchanged release=ktrdr-1.0.0 previous=\n");
    expect(
      stand
        .calls()
        .slice(before)
        .filter((call) => /kill|start|stop|npm/.test(call)),
    ).toEqual([]);
  });

  it("brings the old release back when the new one does not connect", () => {
    to("1.0.0");
    writeFileSync(join(opt, "broken"), "1.1.0");
    const { code, out } = to("1.1.0");
    expect({ code, out }).toEqual({ code: 3, out: "result=rolled-back release=ktrdr-1.0.0 previous=ktrdr-1.1.0\n" });
    expect(current()).toBe("releases/ktrdr-1.0.0");
    expect(existsSync(join(opt, "service"))).toBe(true);
  });

  it("says that the node is down when there is nothing to go back to", () => {
    writeFileSync(join(opt, "broken"), "1.0.0");
    expect(to("1.0.0")).toMatchObject({ code: 5, out: "result=down release=ktrdr-1.0.0 previous=\n" });
  });

  it("interrupts nothing: a node that is still busy keeps its release, and a later run goes on", () => {
    to("1.0.0");
    writeFileSync(join(opt, "stubborn"), "");
    expect(to("1.1.0")).toMatchObject({
      ...{ code: 4, out: "result=busy release=ktrdr-1.0.0 previous=\n" },
      err: expect.stringContaining("nothing was changed, and the node takes work again"),
    });
    const signals = stand.calls().filter((call) => call.startsWith("systemctl kill"));
    expect(signals.map((call) => /SIG\w+/.exec(call)?.[0])).toEqual(["SIGUSR2", "SIGCONT"]);
    expect(existsSync(join(opt, "service"))).toBe(true);
    rmSync(join(opt, "service"));
    expect(to("1.1.0").out).toBe("result=updated release=ktrdr-1.1.0 previous=ktrdr-1.0.0\n");
  });

  it("starts the node again that leaves just when its time is over, and warns of one that cannot take a drain back", () => {
    to("1.0.0");
    const systemctl = (onContinue: string): void =>
      stand.program(
        "systemctl",
        `case "$*" in
  *is-active*) [[ -f $KTRDR_OPT/service ]] ;;
  kill*SIGCONT*) ${onContinue} ;;
  start*) touch "$KTRDR_OPT/service" ;;
esac`,
      );
    systemctl('rm -f "$KTRDR_OPT/service"');
    expect(to("1.1.0")).toMatchObject({ code: 4, out: "result=busy release=ktrdr-1.0.0 previous=\n" });
    expect(existsSync(join(opt, "service"))).toBe(true);
    systemctl("true");
    stand.program("curl", `echo '{"worker_status":"draining","connected":true,"slots":2,"slots_used":1}'`);
    const old = to("1.1.0");
    expect(old).toMatchObject({ code: 4, err: expect.stringContaining("cannot take a drain back") });
    expect(old.err).toContain("backtesting: waits for what runs (1 of 2 slots) since ");
  });

  it.each(["INT", "TERM", "HUP"])("leaves the node as it was after SIG%s while it waits", async (signal) => {
    to("1.0.0");
    writeFileSync(join(opt, "stubborn"), "");
    const { file, sha256 } = release("1.1.0");
    const words = ["--type", "backtesting", "--drain-timeout", "0", "--archive", file, "--sha256", sha256];
    const child = spawn("bash", [join(SCRIPTS, "update-code.sh"), ...words], {
      env: { PATH: stand.path, HOME: folder, KTRDR_POLL_SECONDS: "0.05", KTRDR_OPT: opt, KTRDR_ETC: folder },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    await expect.poll(() => stand.calls().at(-1), { timeout: 10_000 }).toContain("is-active");
    await expect.poll(() => stand.calls().some((call) => call.includes("SIGUSR2")), { timeout: 10_000 }).toBe(true);
    child.kill(`SIG${signal}` as NodeJS.Signals);
    expect({ code: await ended, out }).toEqual({
      code: 130,
      out: "result=interrupted release=ktrdr-1.0.0 previous=\n",
    });
    expect(stand.calls().some((call) => call.includes("SIGCONT"))).toBe(true);
    expect(current()).toBe("releases/ktrdr-1.0.0");
  });

  it("leaves the node as it was when the connection to the caller is lost", async () => {
    to("1.0.0");
    writeFileSync(join(opt, "stubborn"), "");
    const { file, sha256 } = release("1.1.0");
    const words = ["--type", "backtesting", "--drain-timeout", "0", "--archive", file, "--sha256", sha256];
    stand.program("curl", `echo '{"worker_status":"busy","connected":true,"slots":2,"slots_used":'$RANDOM'}'`);
    const child = spawn("bash", [join(SCRIPTS, "update-code.sh"), ...words], {
      env: { PATH: stand.path, HOME: folder, KTRDR_POLL_SECONDS: "0.05", KTRDR_OPT: opt, KTRDR_ETC: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await expect.poll(() => stand.calls().some((call) => call.includes("SIGUSR2")), { timeout: 10_000 }).toBe(true);
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await ended).toBe(130);
    expect(stand.calls().some((call) => call.includes("SIGCONT"))).toBe(true);
    expect(current()).toBe("releases/ktrdr-1.0.0");
  });

  it("keeps the new release when the control plane is away, and when the old one had no connection either", () => {
    writeFileSync(join(folder, "backtesting.yaml"), "url: http://k.example\n");
    const answers = (plane: boolean, connected: string): void =>
      stand.program(
        "curl",
        `[[ $* == *http://k.example/health* ]] && exit ${plane ? 0 : 7}
[[ -f $KTRDR_OPT/service ]] && echo '{"connected":'"${connected}"'}'`,
      );
    const isNew = `$([[ -d $KTRDR_OPT/backtesting/ && $(cat "$KTRDR_OPT/backtesting/version") != 1.0.0 ]] && echo false || echo true)`;
    to("1.0.0");
    answers(false, isNew);
    expect(to("1.1.0")).toMatchObject({
      ...{ code: 0, out: "result=updated release=ktrdr-1.1.0 previous=ktrdr-1.0.0\n" },
      err: "warning: backtesting runs, but http://k.example does not answer: it connects when that is back\n",
    });
    answers(true, isNew);
    expect(to("1.2.0")).toMatchObject({
      code: 0,
      err: "warning: backtesting runs, and is as unconnected as it was before\n",
    });
    answers(true, "true");
    to("1.0.0");
    answers(true, isNew);
    expect(to("1.3.0")).toMatchObject({
      code: 3,
      out: "result=rolled-back release=ktrdr-1.0.0 previous=ktrdr-1.3.0\n",
    });
  });

  it("refuses a file that is no package, and a package that does not load here, before it drains the node", () => {
    to("1.0.0");
    const before = stand.calls().length;
    const empty = join(folder, "ktrdr-1.1.0.tgz");
    execFileSync("tar", ["-czf", empty, "--files-from", "/dev/null"]);
    const sha256 = createHash("sha256").update(readFileSync(empty)).digest("hex");
    expect(update("--archive", empty, "--sha256", sha256)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining("is no package of ktrdr") },
    });
    const odd = release("1.2.0", "import './what-is-not-there.js'");
    expect(update("--archive", odd.file, "--sha256", odd.sha256)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining("does not start on this machine") },
    });
    expect(stand.calls().slice(before)).toEqual([expect.stringContaining("npm ci")]);
    expect(current()).toBe("releases/ktrdr-1.0.0");
  });

  it("keeps two builds of one name apart", () => {
    to("1.0.0");
    const other = release("1.0.0", "// built anew");
    const name = `ktrdr-1.0.0-${other.sha256.slice(0, 8)}`;
    const result = `result=updated release=${name} previous=ktrdr-1.0.0\n`;
    expect(update("--archive", other.file, "--sha256", other.sha256).out).toBe(result);
    expect(readFileSync(join(opt, "backtesting", "compute-node", "main.js"), "utf8")).toBe("// built anew");
  });

  it("stops a busy node when it is told to", () => {
    to("1.0.0");
    writeFileSync(join(opt, "stubborn"), "");
    expect(to("1.1.0", "--interrupt").out).toContain("result=updated release=ktrdr-1.1.0");
    expect(stand.calls()).toContain("systemctl stop ktrdr-worker@backtesting");
  });

  it("rolls back on request, and forward again", () => {
    to("1.0.0");
    to("1.1.0");
    expect(update("--rollback").out).toBe("result=rolled-back release=ktrdr-1.0.0 previous=ktrdr-1.1.0\n");
    expect(update("--rollback").out).toBe("result=rolled-back release=ktrdr-1.1.0 previous=ktrdr-1.0.0\n");
  });

  it("refuses bytes with another hash, and changes nothing", () => {
    const { file } = release("1.0.0");
    const { code, err } = update("--archive", file, "--sha256", "0".repeat(64));
    expect(code).toBe(1);
    expect(err).toContain("does not have the SHA-256");
    expect(readdirSync(join(opt, "releases"))).toEqual([]);
    expect(stand.calls()).toEqual([]);
  });

  it("changes nothing when npm cannot install the packages, and leaves no half release", () => {
    to("1.0.0");
    writeFileSync(join(opt, "npm-fails"), "");
    expect(to("1.1.0").code).not.toBe(0);
    expect(current()).toBe("releases/ktrdr-1.0.0");
    expect(existsSync(join(opt, "releases", "ktrdr-1.1.0"))).toBe(false);
    expect(stand.calls().some((call) => call.startsWith("systemctl kill"))).toBe(false);
  });

  it("brings the control plane to a release without draining it, and waits until it answers", () => {
    stand.program("curl", `[[ -f $KTRDR_OPT/service ]] && echo '{"status":"healthy"}'`);
    for (const version of ["1.0.0", "1.1.0"]) expect(to(version, "--type", "control_plane").code).toBe(0);
    expect(current("control_plane")).toBe("releases/ktrdr-1.1.0-control-plane");
    const calls = stand.calls().filter((call) => /systemctl (kill|stop|start)/.test(call));
    expect(calls).toEqual(["start", "stop", "start"].map((verb) => `systemctl ${verb} ktrdr-control-plane`));
  });

  it("puts code on a machine that is no node yet, and starts nothing", () => {
    expect(to("1.0.0", "--install-only").out).toBe("result=updated release=ktrdr-1.0.0 previous=\n");
    expect(stand.calls().some((call) => call.startsWith("systemctl"))).toBe(false);
  });
});

describe("deploy-to-workers.sh", () => {
  const workers = (...lines: string[]): string => {
    const file = join(folder, "workers.txt");
    writeFileSync(file, `# worker_id,ip,worker_type\n${lines.join("\n")}\n`);
    return file;
  };
  const NODES = [1, 2, 3, 4].map((number) => `w${number},10.0.0.${number},backtesting`);

  /** ssh runs the command here, with a separate folder for each address instead of /opt/ktrdr. */
  beforeEach(() => {
    fakeNode();
    stand.program(
      "ssh",
      `for word in "$@"; do [[ $word == *@* ]] && host=\${word#*@}; done
[[ $host != 10.0.0.99 ]] || { echo 'No route to host' >&2; exit 255; }
export KTRDR_OPT=$STAND_INS/hosts/$host KTRDR_ETC=$STAND_INS; mkdir -p "$KTRDR_OPT"
command=\${!#}; printf '%s begins %s\\n' "$host" "\${command%% *}" >> "$STAND_INS/order.log"
bash -c "\${command//\\/opt\\/ktrdr/$KTRDR_OPT}"; status=$?
printf '%s ends %s\\n' "$host" "\${command%% *}" >> "$STAND_INS/order.log"
exit $status`,
    );
  });

  function deploy(version: string, lines: readonly string[], ...words: string[]): Ran {
    const { file } = release(version);
    const timeouts = ["--drain-timeout", "1", "--healthy-timeout", "1"];
    return bash("deploy-to-workers.sh", [workers(...lines), "--archive", file, ...timeouts, ...words]);
  }
  const releaseOf = (number: number): string | null => {
    const link = join(folder, "hosts", `10.0.0.${number}`, "backtesting");
    return existsSync(link) ? readlinkSync(link).replace("releases/", "") : null;
  };
  const row = (out: string, id: string): string | undefined =>
    out.split("\n").find((line) => line.startsWith(`${id} `) && !line.includes("("));

  it("brings every node to the release, one after the other, and prints a table", () => {
    const { code, out, err } = deploy("1.0.0", NODES);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect([1, 2, 3, 4].map(releaseOf)).toEqual(Array(4).fill("ktrdr-1.0.0"));
    expect(out).toMatch(/^WORKER +IP +TYPE +RESULT +RELEASE +SECONDS$/m);
    expect(row(out, "w3")).toMatch(/^w3 +10\.0\.0\.3 +backtesting +updated +ktrdr-1\.0\.0 +\d+$/);
    const hosts = readFileSync(join(folder, "order.log"), "utf8")
      .split("\n")
      .map((line) => line.split(" ")[0]);
    expect(hosts.filter((host, index) => host !== hosts[index - 1] && host !== "")).toEqual(
      NODES.map((node) => node.split(",")[1]),
    );
  });

  it.each([1, 2, 3])("has no more than %i nodes in work at the same time", (most) => {
    deploy("1.0.0", NODES, "--at-once", String(most));
    const open = new Set<string>();
    let seen = 0;
    for (const line of readFileSync(join(folder, "order.log"), "utf8").split("\n")) {
      const [host, change] = line.split(" ");
      if (change === "begins") open.add(host);
      if (change === "ends") open.delete(host);
      seen = Math.max(seen, open.size);
    }
    expect(seen).toBeLessThanOrEqual(most);
  });

  it("stops at the node that does not come back healthy, which has its old release again", () => {
    deploy("1.0.0", NODES);
    writeFileSync(join(folder, "hosts", "10.0.0.2", "broken"), "1.1.0");
    const { code, out, err } = deploy("1.1.0", NODES);
    expect(code).toBe(1);
    expect([1, 2, 3, 4].map(releaseOf)).toEqual(["ktrdr-1.1.0", "ktrdr-1.0.0", "ktrdr-1.0.0", "ktrdr-1.0.0"]);
    expect(row(out, "w1")).toContain("updated");
    expect(row(out, "w2")).toMatch(/rolled-back +ktrdr-1\.0\.0/);
    expect(row(out, "w3")).toMatch(/not-tried +- +-$/);
    expect(err).toContain("the rest was not tried");
  });

  it("goes on where it stopped when it is run again", () => {
    deploy("1.0.0", NODES);
    writeFileSync(join(folder, "hosts", "10.0.0.2", "broken"), "1.1.0");
    deploy("1.1.0", NODES);
    rmSync(join(folder, "hosts", "10.0.0.2", "broken"));
    const { code, out } = deploy("1.1.0", NODES);
    expect(code).toBe(0);
    expect(row(out, "w1")).toContain("unchanged");
    expect(row(out, "w2")).toContain("updated");
  });

  it("rolls the fleet back", () => {
    deploy("1.0.0", NODES);
    deploy("1.1.0", NODES);
    const { code } = bash("deploy-to-workers.sh", [workers(...NODES), "--rollback", "--at-once", "4"]);
    expect(code).toBe(0);
    expect([1, 2, 3, 4].map(releaseOf)).toEqual(Array(4).fill("ktrdr-1.0.0"));
  });

  it("names a node that cannot be reached, and one that is still busy", () => {
    const unreachable = deploy("1.0.0", ["w9,10.0.0.99,gpu_host"]);
    expect(unreachable.code).toBe(1);
    expect(row(unreachable.out, "w9")).toContain("unreachable");
    deploy("1.0.0", NODES);
    writeFileSync(join(folder, "hosts", "10.0.0.1", "stubborn"), "");
    expect(row(deploy("1.1.0", NODES).out, "w1")).toMatch(/busy +ktrdr-1\.0\.0/);
  });

  it("takes the nodes that --only names", () => {
    const { out } = deploy("1.0.0", NODES, "--only", "w2", "--only", "w4");
    expect([1, 2, 3, 4].map(releaseOf)).toEqual([null, "ktrdr-1.0.0", null, "ktrdr-1.0.0"]);
    expect(row(out, "w1")).toBeUndefined();
    expect(deploy("1.0.0", NODES, "--only", "w7").err).toContain("w7 is not in");
  });

  it("touches no node in a dry run", () => {
    const { code, out } = deploy("1.0.0", NODES, "--dry-run");
    expect(code).toBe(0);
    expect(out.match(/^would drain/gm)).toHaveLength(4);
    expect(stand.calls()).toEqual([]);
  });

  it.each([
    ["w1,10.0.0.1", '"" is no worker type'],
    ["w1,10.0.0.1,training", '"training" is no worker type'],
    ["w1,10.0.0.256,backtesting", '"10.0.0.256" is no address'],
    ["$(reboot),10.0.0.1,backtesting", "is no worker id"],
    ["w1,10.0.0.1,backtesting\nw1,10.0.0.2,backtesting", ":3: w1 is there twice"],
    ["# nothing", "names no workers"],
  ])("refuses the line %j", (line, message) => {
    const { code, err } = deploy("1.0.0", [line]);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(stand.calls()).toEqual([]);
  });

  it("reads the committed workers.prod.txt", () => {
    const { code, out } = bash("deploy-to-workers.sh", ["--dry-run"]);
    expect(code).toBe(0);
    expect(out).toContain("ktrdr-training-3 (192.168.1.213, cpu_training)");
  });
});

const COMPILER = existsSync(join(ROOT, "node_modules", "assemblyscript"));
const GIT = findProgram("git") !== null && existsSync(join(ROOT, ".git"));

it.skipIf(!COMPILER || !GIT)(
  "build-release.sh packs the same bytes for the same commit, kernels included (skipped outside a clone)",
  () => {
    const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
    const [first, second] = ["one", "two"].map((name) => {
      const { code, out, err } = bash("build-release.sh", ["--ref", commit, "--out", join(folder, name)], {
        PATH: process.env.PATH,
      });
      expect(code, err).toBe(0);
      return out.trim();
    });
    expect(first).toMatch(/\/one\/ktrdr-\d+\.\d+\.\d+-[0-9a-f]{12}\.tgz$/);
    const line = readFileSync(`${first}.sha256`, "utf8");
    expect(line).toBe(readFileSync(`${second}.sha256`, "utf8"));
    expect(readFileSync(join(folder, "one", "SHA256SUMS"), "utf8")).toBe(line);
    const names = execFileSync("tar", ["-tzf", first], { encoding: "utf8" });
    for (const name of ["compute-node/training/kernels/build/exact.wasm", "cli/ktrdr.js", "compute-node/main.js"]) {
      expect(names).toContain(`package/${name}\n`);
    }
    expect(names).not.toMatch(/\.test\.[jt]s$|node_modules/m);
  },
  patience(120_000),
);
