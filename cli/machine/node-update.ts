/**
 * Updates the services of this machine: finds a newer version, checks it, and lets deploy/scripts/update-code.sh switch to
 * it. The same script is what deploy-to-workers.sh sends to the machines of a fleet.
 */
import { spawn } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import type { NodeSettings } from "../../compute-node/agent/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { WorkerType } from "../../protocol/workers.ts";
import { listenForInterrupts } from "../terminal/interrupt.ts";
import type { Machine } from "./node-service.ts";
import { type FetchedRelease, fetchRelease, findRelease, type Hashes, type Release } from "./release-source.ts";
import { codeLink, UNIT_CODE, UNIT_TEMPLATE_PATH } from "./unit-paths.ts";
import { compareVersions } from "./version-order.ts";

/** The services that a machine may run. */
export type UpdateType = WorkerType | "control_plane";

interface UpdateWish {
  /** A version, from wherever versions come. */
  readonly to?: string | undefined;
  /** A file, a folder or a URL. */
  readonly from?: string | undefined;
  readonly hashes: Hashes;
}

export interface InstalledRelease {
  readonly version: string;
  /** The link's target: a folder's name below releases, or the path where npm put it. */
  readonly name: string;
  /** SHA-256 of the tarball that it came from; null when nobody noted it. */
  readonly sha256: string | null;
  /** True when it was never published. A package of the same name in a registry is then somebody else's. */
  readonly isPrivate: boolean;
}

/** Compares the found release with the installed one: `other` is another build of the same version. */
export type Verdict = "current" | "newer" | "other" | "older";

interface Found {
  readonly release: Release;
  /** Null while only the file itself says it: see `fetchRelease`. */
  readonly verdict: Verdict | null;
}

/**
 * Reads the release that the machine's link leads to. Throws `not-found` without a link, and `invalid-request` when the unit
 * does not follow it, since an update would change nothing then.
 */
export function installedRelease(machine: Machine, type: UpdateType): InstalledRelease {
  const unit = type === "control_plane" ? "/etc/systemd/system/ktrdr-control-plane.service" : UNIT_TEMPLATE_PATH;
  const kept = type === "control_plane" ? codeLink(type) : UNIT_CODE;
  const file = `${machine.prefix}${unit}`;
  const started = existsSync(file) ? /^ExecStart=\S+ (\S+)/m.exec(readFileSync(file, "utf8"))?.[1] : undefined;
  if (started !== undefined && !started.startsWith(`${kept}/`)) {
    throw new Problem("invalid-request", `The ${type} service runs ${started}, which no update switches`, {
      cure: "Update that checkout itself (git pull), or install the package with npm install -g and run: ktrdr node install",
    });
  }
  const link = join(releasesRoot(machine), type);
  if (!existsSync(join(link, "package.json"))) {
    throw new Problem("not-found", `${link} leads to no ktrdr, so there is nothing to update`, {
      cure:
        type === "control_plane"
          ? "The deployment guide says how to install one."
          : "Install a node with: ktrdr node install",
    });
  }
  const { version, private: isPrivate } = JSON.parse(readFileSync(join(link, "package.json"), "utf8")) as {
    version: string;
    private?: boolean;
  };
  const note = join(link, ".archive-sha256");
  return {
    ...{ version, name: linkName(link), isPrivate: isPrivate === true },
    sha256: existsSync(note) ? readFileSync(note, "utf8").trim() : null,
  };
}

/** `KTRDR_OPT` overrides the folder, as for update-code.sh. */
function releasesRoot({ prefix, environment }: Machine): string {
  return environment.KTRDR_OPT || `${prefix}/opt/ktrdr`;
}

function linkName(link: string): string {
  try {
    return readlinkSync(link).replace(/^releases\//, "");
  } catch {
    return link; // A folder that somebody put there.
  }
}

/** Throws as `findRelease`. */
export async function findUpdate(
  machine: Machine,
  type: UpdateType,
  installed: InstalledRelease,
  { to, from, hashes }: UpdateWish,
): Promise<Found> {
  const source = from ?? (await sourceOf(machine, type));
  if (source === null && installed.isPrivate) {
    throw new Problem(
      "invalid-request",
      `ktrdr ${installed.version} did not come from a registry, so it is not known where newer ones are`,
      {
        cure: "Name a file, folder or URL with --from, or one for always as update_source in the settings or KTRDR_UPDATE_SOURCE.",
      },
    );
  }
  const release = await findRelease({ source, version: to ?? null, hashes }, withNode(machine));
  const { version } = release;
  return { release, verdict: version === null ? null : judge(installed, version, release.hashes.sha256 ?? null) };
}

/** `sha256` is null when the version alone identifies a release, as in a registry. */
export function judge(installed: InstalledRelease, version: string, sha256: string | null): Verdict {
  const order = compareVersions(version, installed.version);
  if (order !== 0) return order > 0 ? "newer" : "older";
  return sha256 === null || sha256 === installed.sha256 ? "current" : "other";
}

async function sourceOf(machine: Machine, type: UpdateType): Promise<string | null> {
  const said = machine.environment.KTRDR_UPDATE_SOURCE;
  if (said) return said;
  return type === "control_plane" ? null : (await settingsOf(machine, type)).updateSource;
}

/** True when the node's settings let the service update itself. */
export async function mayUpdateItself(machine: Machine, type: WorkerType): Promise<boolean> {
  return (await settingsOf(machine, type)).autoUpdate;
}

/** Loaded only for nodes: a control plane's release lacks the packages of a node. */
async function settingsOf(machine: Machine, type: WorkerType): Promise<NodeSettings> {
  const { installedSettings } = await import("./node-service.ts");
  return installedSettings(machine, type).settings;
}

/** With the Node, and with it the npm, that the units use. */
function withNode(machine: Machine): NodeJS.ProcessEnv {
  const { environment } = machine;
  return { ...environment, PATH: [join(releasesRoot(machine), "node", "bin"), environment.PATH ?? ""].join(delimiter) };
}

/** Throws `forbidden` when the user may not change the machine's releases. */
export function requireWritable(machine: Machine): void {
  const root = releasesRoot(machine);
  try {
    accessSync(root, constants.W_OK);
  } catch (error) {
    throw new Problem("forbidden", `${root} may not be changed: ${(error as Error).message}`, {
      cure: "Releases and services are root's: use sudo. What there is to update to, anybody may see with --check.",
      cause: error,
    });
  }
}

/** Hands the release to `use` as a file in a folder of its own, which is gone afterwards. Throws as `fetchRelease`. */
export async function withFetched<T>(release: Release, use: (fetched: FetchedRelease) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-update-"));
  try {
    const incoming = join(folder, "incoming");
    mkdirSync(incoming);
    return await use(named(await fetchRelease(release, incoming), folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gives the file a release's name, since update-code.sh tells releases apart by file name. */
function named(fetched: FetchedRelease, folder: string): FetchedRelease {
  const usual = /^ktrdr-[A-Za-z0-9._+-]+\.tgz$/;
  const name = basename(fetched.path);
  const path = join(folder, usual.test(name) ? name : `ktrdr-${fetched.version}.tgz`);
  renameSync(fetched.path, path);
  return { ...fetched, path };
}

export interface SwitchOptions {
  /** Null waits as long as jobs take. */
  readonly drainTimeoutS: number | null;
  readonly interrupt: boolean;
  readonly healthyTimeoutS: number | null;
  /** Waits until another update of this machine ends; otherwise another update is an error. */
  readonly waitsItsTurn: boolean;
}

interface Switched {
  /** `updated`, `unchanged`, `rolled-back`, `busy`, `down` or `interrupted`. */
  readonly result: string;
  readonly release: string;
  readonly previous: string;
  /** The script's exit code; its first lines explain each. */
  readonly exitCode: number;
}

/**
 * Runs update-code.sh; `fetched` is null to go back to the release before. Its messages go to `note`. Ctrl-C while it waits
 * for jobs makes the node take work again. Throws `unavailable` with the script's error when it ends without a result.
 */
export async function switchRelease(
  machine: Machine,
  type: UpdateType,
  fetched: FetchedRelease | null,
  options: SwitchOptions,
  note: (line: string) => void,
): Promise<Switched> {
  const script = join(import.meta.dirname, "..", "..", "deploy", "scripts", "update-code.sh");
  const words = [
    ...[script, "--type", type],
    ...(fetched === null ? ["--rollback"] : ["--archive", fetched.path, "--sha256", fetched.sha256]),
    ...["--drain-timeout", String(options.drainTimeoutS ?? 0)],
    ...(options.healthyTimeoutS === null ? [] : ["--healthy-timeout", String(options.healthyTimeoutS)]),
    ...(options.interrupt ? ["--interrupt"] : []),
    ...(options.waitsItsTurn ? ["--wait"] : []),
  ];
  const { code, out, faults } = await runScript(words, machine.environment, note);
  const [, result, release = "", previous = ""] = /^result=(\S+) release=(.*) previous=(.*)$/m.exec(out) ?? [];
  if (result !== undefined) return { result, release, previous, exitCode: code };
  throw new Problem("unavailable", faults.message || `update-code.sh ended with ${code}`, {
    cure: faults.cure || "Nothing was switched; the lines above say more.",
  });
}

interface ScriptEnd {
  code: number;
  out: string;
  /** The last error that it printed. */
  faults: { message: string; cure: string };
}

async function runScript(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  note: (line: string) => void,
): Promise<ScriptEnd> {
  // The script decides how to handle an interrupt, and this process waits for it.
  const interrupts = listenForInterrupts();
  try {
    const child = spawn("bash", [...words], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? 1));
    });
    void interrupts.happened.then(() => child.kill("SIGTERM"));
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    const faults = { message: "", cure: "" };
    for await (const line of createInterface({ input: child.stderr })) {
      const [, kind, text = ""] = /^(error| {2}cure): (.*)$/.exec(line) ?? [];
      if (kind === "error") faults.message = text;
      else if (kind === "  cure" && faults.message !== "") faults.cure = text;
      else note(line);
    }
    return { code: await ended, out, faults };
  } finally {
    interrupts.release();
  }
}
