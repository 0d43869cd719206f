/**
 * A Linux machine of its own for tests: real systemd as process 1 in namespaces of this one, with the programs of this
 * machine's /usr, its own users, units, services and journal. It shares this machine's network, so that loopback is common.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { npmConnection, npmSettingsFiles } from "./npm-connection.ts";
import { patience } from "./patience.ts";

const SYSTEMD = "/lib/systemd/systemd";
/** Files that the machine takes from this one's /etc, when they are there. */
const SHARED_ETC = [
  "alternatives",
  "ca-certificates.conf",
  "hosts",
  "ld.so.cache",
  "nsswitch.conf",
  "resolv.conf",
  "ssl",
];
/** Node and npm in the machine, where a person may have unpacked them. */
export const NODE_PREFIX = "/opt/node24";
const BOOTED_WITHIN_MS = patience(20_000);
const COMMAND_TIMEOUT_MS = patience(240_000);

/** Mounts what a machine needs, makes its tree the root, and becomes systemd. $1 is the tree, $2 Node, $3 npm's folder, $4 its cache, $5 the name. */
const BOOT = `
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t tmpfs run run
mount -t tmpfs tmp tmp -o mode=1777
mount --bind /usr usr
mount -t proc proc proc
mount -t sysfs sysfs sys -o ro
if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs cgroup sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified || rmdir sys/fs/cgroup/unified
fi
mount -t tmpfs dev dev -o mode=755
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
ln -s pts/ptmx dev/ptmx
mount --bind "$2" .${NODE_PREFIX}/bin/node
mount --bind "$3" .${NODE_PREFIX}/lib/npm
mount --bind "$4" npm-cache
hostname "$5"
mkdir old
pivot_root . old
cd /
umount -l old
rmdir old
mount --make-rshared /
export container=ktrdr
exec ${SYSTEMD} --system --unit=machine.target --log-target=journal --show-status=false
`;

/** Enters a control group of its own in each hierarchy, so that machines do not meet in one, then the namespaces. */
const START = `
name=$1; shift
while IFS=: read -r _ controllers path; do
  case $controllers in
    '') root=/sys/fs/cgroup; [[ -d $root/unified ]] && root=$root/unified ;;
    *) root=/sys/fs/cgroup/\${controllers#name=} ;;
  esac
  group=$root$path/$name
  mkdir "$group" 2> /dev/null && echo "$group" && { echo $$ > "$group/cgroup.procs"; } 2> /dev/null
done < /proc/self/cgroup
exec unshare --mount --propagation private --pid --fork --kill-child --uts --ipc --cgroup bash -c "$BOOT" boot "$@"
`;

interface MachineOptions {
  /** Its host name: lower-case letters, digits and dashes. */
  readonly name: string;
  /** Absolute; the machine's files go below it. */
  readonly folder: string;
  /** The number of its user `ktrdr`. */
  readonly userId: number;
  /** The cache of its npm. Machines share it, so that each package comes once. */
  readonly npmCache: string;
}

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class Machine {
  readonly name: string;
  readonly #folder: string;
  readonly #starter: ChildProcess;
  readonly #groups: readonly string[];
  readonly #pid: number;

  private constructor(options: MachineOptions, starter: ChildProcess, pid: number, groups: readonly string[]) {
    this.name = options.name;
    this.#folder = options.folder;
    this.#starter = starter;
    this.#pid = pid;
    this.#groups = groups;
  }

  /** Why there can be no machine here, or null. Tests skip with it. */
  static async whyNot(): Promise<string | null> {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root on Linux";
    if (!existsSync(SYSTEMD)) return "needs systemd's files";
    const missing = ["unshare", "nsenter", "setpriv", "mount"].find(
      (name) => spawnSync(name, ["--version"]).status !== 0,
    );
    if (missing !== undefined) return `needs ${missing}`;
    return await Machine.#whyNotBoot();
  }

  /** Namespaces, mounts and control groups are allowed or not in too many ways to ask for each: one is booted. */
  static async #whyNotBoot(): Promise<string | null> {
    const folder = mkdtempSync(join(tmpdir(), "ktrdr-machine-"));
    try {
      const machine = await Machine.boot({ name: "trial", folder, userId: 19_999, npmCache: join(folder, "npm") });
      await machine.stop();
      return null;
    } catch (error) {
      return `no machine boots here: ${(error as Error).message.split("\n")[0]}`;
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  /** Resolves when its systemd has started everything. */
  static async boot(options: MachineOptions): Promise<Machine> {
    const tree = makeTree(options);
    const words = [
      `ktrdr-${options.name}-${process.pid}`,
      tree,
      process.execPath,
      npmFolder(),
      options.npmCache,
      options.name,
    ];
    // The machine dies with this process, however that ends.
    const starter = spawn("setpriv", ["--pdeathsig", "KILL", "bash", "-c", START, "start", ...words], {
      env: { ...process.env, BOOT },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let said = "";
    for (const stream of [starter.stdout, starter.stderr]) {
      stream!.on("data", (data) => {
        said += data;
      });
    }
    const deadline = performance.now() + BOOTED_WITHIN_MS;
    while (performance.now() < deadline && starter.exitCode === null) {
      const pid = childOf(starter.pid!);
      const groups = said.split("\n").filter((line) => line.startsWith("/sys/fs/cgroup"));
      const machine = new Machine(options, starter, pid ?? 0, groups);
      if (pid !== null) {
        const { out } = await machine.run(["systemctl", "is-system-running"]);
        if (/running|degraded/.test(out)) return machine;
      }
      await sleep(100);
    }
    const [groups, messages] = [true, false].map((isGroup) =>
      said.split("\n").filter((line) => line !== "" && line.startsWith("/sys/fs/cgroup") === isGroup),
    );
    await new Machine(options, starter, 0, groups!).stop();
    throw new Error(`machine ${options.name} did not start: ${messages!.join("; ")}`);
  }

  /** The file of the machine as this one sees it; not for /run and /tmp, which are in its memory. */
  path(file: string): string {
    return join(this.#folder, "root", file);
  }

  /** The words before a command that has to run in the machine. */
  get entrance(): readonly string[] {
    const namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd"];
    return ["nsenter", "--target", String(this.#pid), ...namespaces];
  }

  /** As root. Never throws for a command's own failure. */
  run(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    const [program, ...rest] = [...this.entrance, ...words];
    const child = spawn(program!, rest, {
      env: { ...MACHINE_ENVIRONMENT, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: COMMAND_TIMEOUT_MS,
    });
    const result = { code: -1, out: "", err: "" };
    child.stdout.on("data", (data) => {
      result.out += data;
    });
    child.stderr.on("data", (data) => {
      result.err += data;
    });
    return new Promise((done, failed) => {
      child.once("error", failed);
      child.once("close", (code) => done({ ...result, code: code ?? -1 }));
    });
  }

  /** Throws, with what it printed, when the command fails. */
  async must(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, out, err } = await this.run(words, environment);
    if (code !== 0) throw new Error(`${this.name}: ${words.join(" ")} ended with ${code}\n${out}${err}`);
    return out;
  }

  /** Returns everything that a unit wrote since the machine started. */
  async journal(unit: string): Promise<string> {
    return this.must(["journalctl", "--unit", unit, "--output", "cat", "--no-pager"]);
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#starter.once("close", done));
    if (this.#starter.exitCode === null && this.#starter.signalCode === null) {
      this.#starter.kill("SIGKILL");
      await closed;
    }
    for (const group of this.#groups) await removeGroup(group);
  }
}

/** The environment of a root login, and the settings by which npm reaches its registry. */
export const MACHINE_ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: "/root",
  LANG: "C.UTF-8",
  PATH: `${NODE_PREFIX}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  ...npmConnection(),
};

function makeTree({ name, folder, userId, npmCache }: MachineOptions): string {
  const root = join(folder, "root");
  const folders = [
    "dev",
    "etc/systemd/system",
    "opt/node24/bin",
    "opt/node24/lib/npm",
    "opt/node24/etc",
    "proc",
    "root",
  ];
  for (const each of [...folders, "run", "sys", "tmp", "usr", "var/log/journal", "var/lib"]) {
    mkdirSync(join(root, each), { recursive: true });
  }
  for (const link of ["bin", "sbin", "lib", "lib64"]) {
    if (existsSync(`/usr/${link}`)) symlinkSync(`usr/${link}`, join(root, link));
  }
  for (const each of SHARED_ETC) {
    if (existsSync(`/etc/${each}`))
      cpSync(realpathSync(`/etc/${each}`), join(root, "etc", each), { recursive: true, verbatimSymlinks: true });
  }
  // Users of the machine: root, nobody, those of the system; and ktrdr under a number of its own.
  for (const file of ["passwd", "group"]) cpSync(`/etc/${file}`, join(root, "etc", file));
  appendFileSync(join(root, "etc/passwd"), `ktrdr:x:${userId}:${userId}::/var/lib/ktrdr:/usr/sbin/nologin\n`);
  appendFileSync(join(root, "etc/group"), `ktrdr:x:${userId}:\n`);
  writeFileSync(join(root, "etc/hostname"), `${name}\n`);
  writeFileSync(join(root, "etc/machine-id"), "");
  writeFileSync(join(root, "etc/systemd/system/machine.target"), "[Unit]\nDescription=Everything that a test starts\n");
  const variables = Object.entries(npmConnection()).map(([key, value]) => `"${key}=${value}"`);
  writeFileSync(join(root, "etc/systemd/system.conf"), `[Manager]\nDefaultEnvironment=${variables.join(" ")}\n`);
  installNpm(root, npmCache);
  return root;
}

function installNpm(root: string, npmCache: string): void {
  writeFileSync(join(root, NODE_PREFIX, "bin/node"), "");
  const npm = join(root, NODE_PREFIX, "bin/npm");
  writeFileSync(npm, `#!/bin/sh\nexec ${NODE_PREFIX}/bin/node ${NODE_PREFIX}/lib/npm/bin/npm-cli.js "$@"\n`, {
    mode: 0o755,
  });
  const lines = npmSettingsFiles().map((file) => readFileSync(file, "utf8"));
  writeFileSync(join(root, "root/.npmrc"), `${lines.join("\n")}\nupdate-notifier=false\nprefer-offline=true\n`, {
    mode: 0o600,
  });
  symlinkSync("/npm-cache", join(root, "root/.npm"));
  mkdirSync(npmCache, { recursive: true });
  mkdirSync(join(root, "npm-cache"));
}

/** The folder of the npm that is called here. */
function npmFolder(): string {
  const program = execFileSync("bash", ["-c", "command -v npm"], { encoding: "utf8" }).trim();
  return resolve(dirname(realpathSync(program)), "..");
}

/** Null as long as there is none, or it is not yet systemd. */
function childOf(pid: number): number | null {
  for (let current = pid; ; ) {
    const children = contents(`/proc/${current}/task/${current}/children`).trim().split(" ");
    const child = Number(children[0]);
    if (!(child > 0)) return null;
    if (contents(`/proc/${child}/comm`).trim() === "systemd") return child;
    current = child;
  }
}

function contents(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process has gone.
    return "";
  }
}

/** Its processes were killed; the kernel needs a moment until the groups are empty. */
async function removeGroup(group: string): Promise<void> {
  for (let trial = 0; trial < 50 && existsSync(group); trial++) {
    spawnSync("find", [group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], { stdio: "ignore" });
    if (existsSync(group)) await sleep(100);
  }
}
