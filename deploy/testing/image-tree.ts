/**
 * Carries out a Dockerfile without a container engine. Each stage is a layer over a clean Debian, and its commands run with
 * that as their root. Needs root and debootstrap. Leaves no mount behind, since each is made in a namespace that ends with
 * its command.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { npmConnection, npmSettings } from "../../test/support/npm-connection.ts";
import { contextFilter, parseDockerfile, type Stage, wholeStage } from "./dockerfile.ts";
import { findProgram } from "./stand-ins.ts";

const RELEASE = "bookworm";
/** Without this, bash takes a socket as standard input for a remote login and reads the machine's own settings. */
const STDIO = ["ignore" as const, "pipe" as const, "pipe" as const];
/** Packages that the official image of Node has beyond Debian's smallest. */
const NODE_USER = "groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node";

/** The reason why no tree can be made here, or null. */
export function lackForTrees(): string | null {
  if (process.getuid?.() !== 0) return "only root can change its root";
  if (findProgram("debootstrap") === null) return "debootstrap is not installed";
  if (findProgram("npm") === null) return "npm is not installed";
  return canMountLayers() ? null : "layers cannot be mounted here";
}

/** Tries to mount a layer. This fails inside most containers, and when the temporary folder is such a layer itself. */
function canMountLayers(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-layers-"));
  const script = 'cd "$1" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m';
  const { status } = spawnSync("unshare", ["--mount", "bash", "-euc", script, "bash", folder]);
  rmSync(folder, { recursive: true, force: true });
  return status === 0;
}

/** A Debian with Node and npm, as `node:…-bookworm-slim` has them; made once for `folder`, which may be kept. */
export function baseTree(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const tree = join(folder, `node-${process.versions.node}-${RELEASE}`);
  // Its commands run as root, so refuse a folder that somebody else has put there.
  if (lstatSync(folder).uid !== 0) throw new Error(`${folder} is not root's`);
  if (existsSync(tree)) return tree;
  const partial = `${tree}.partial`;
  rmSync(partial, { recursive: true, force: true });
  // In memory, where dpkg's many calls of fsync cost nothing.
  const script = `mount -t tmpfs tmpfs /mnt && debootstrap --variant=minbase ${RELEASE} /mnt/tree "$1" && cp -a /mnt/tree "$2"`;
  must("unshare", ["--mount", "bash", "-euc", script, "bash", debianMirror(), partial]);
  must("chroot", [partial, "sh", "-c", NODE_USER]);
  cpSync(process.execPath, join(partial, "usr/local/bin/node"));
  const npm = resolve(dirname(realPathOf("npm")), "..");
  cpSync(npm, join(partial, "usr/local/lib/node_modules/npm"), { recursive: true, dereference: true });
  must("ln", ["-s", "../lib/node_modules/npm/bin/npm-cli.js", join(partial, "usr/local/bin/npm")]);
  for (const unused of ["usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt"]) {
    rmSync(join(partial, unused), { recursive: true, force: true });
  }
  // This machine's way to Debian and npm. It is no part of the Dockerfile.
  for (const file of ["etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"]) {
    if (existsSync(`/${file}`)) cpSync(`/${file}`, join(partial, file), { dereference: true });
  }
  renameSync(partial, tree);
  return tree;
}

interface RunOptions {
  /** Environment variables beside the image's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Folders of this machine by their paths inside. */
  readonly volumes?: Readonly<Record<string, string>>;
}

export class ImageBuilder {
  readonly stages: readonly Stage[];
  readonly #folder: string;
  readonly #context: string;
  readonly #isSeen: (path: string) => boolean;
  readonly #base: string;

  /** `folder` gets the layers; `context` is the repository's root. */
  constructor(folder: string, base: string, context: string, dockerfile: string) {
    this.#folder = folder;
    this.#base = base;
    this.#context = context;
    this.stages = parseDockerfile(readFileSync(dockerfile, "utf8"));
    this.#isSeen = contextFilter(readFileSync(`${dockerfile}.dockerignore`, "utf8"));
  }

  /** Builds a stage and the stages that it copies from, each once. Throws with a step's output when it fails. */
  build(name: string): void {
    const stage = this.stages.find((each) => each.name === name);
    if (stage === undefined) throw new Error(`there is no stage ${name}`);
    if (existsSync(this.#layer(name))) return;
    if (this.stages.some((each) => each.name === stage.base)) this.build(stage.base);
    mkdirSync(this.#layer(name), { recursive: true });
    const settings = this.#settingsOf(stage.base);
    for (const step of stage.steps) {
      if (step.does === "run") this.#execute(name, `cd '${settings.folder}' && ${step.command}`, settings);
      else if (step.does === "workdir") this.#execute(name, `mkdir -p '${step.folder}'`, settings);
      else if (step.does === "copy") this.#copy(name, step, settings.folder);
      settings.apply(step);
    }
  }

  /** Size in bytes of the files that a container of the stage sees below `path`. */
  bytes(name: string, path: string): number {
    const { stdout } = this.#inside(name, ["sh", "-c", `du -sb '${path}' | cut -f 1`]);
    return Number(stdout);
  }

  /** Starts the stage's command as its user, with a read-only root, as Compose does; ends with SIGTERM to the child. */
  start(name: string, words: readonly string[], options: RunOptions = {}): ChildProcess {
    const { command, environment } = this.#container(name, words, options);
    return spawn("unshare", command, { env: environment, stdio: STDIO });
  }

  /** Runs a command that ends, in the same way. */
  run(
    name: string,
    words: readonly string[],
    options: RunOptions = {},
  ): { status: number | null; stdout: string; stderr: string } {
    const { command, environment } = this.#container(name, words, options);
    const { status, stdout, stderr } = spawnSync("unshare", command, {
      env: environment,
      encoding: "utf8",
      stdio: STDIO,
    });
    return { status, stdout, stderr };
  }

  #container(
    name: string,
    words: readonly string[],
    { environment = {}, volumes = {} }: RunOptions,
  ): { command: string[]; environment: NodeJS.ProcessEnv } {
    const settings = this.#settingsOf(name);
    const binds = Object.entries(volumes).map(([inside, outside]) => `mount --bind '${outside}' "$root${inside}"`);
    const script = [
      ...this.#mounted(name, "root", true),
      'mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"',
      ...binds,
      // No rights, and no way to get any, as by Compose's cap_drop and no-new-privileges.
      `exec chroot "$root" setpriv --reuid=${settings.user} --regid=${settings.user} --clear-groups --no-new-privs --bounding-set=-all sh -c 'cd ${settings.folder} && exec "$@"' sh "$@"`,
    ];
    return {
      command: ["--mount", "bash", "-euc", script.join("\n"), "bash", ...words],
      environment: {
        PATH: "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        ...settings.environment,
        ...environment,
      },
    };
  }

  #copy(name: string, step: { from: string | null; sources: readonly string[]; target: string }, folder: string): void {
    const target = resolve(folder, step.target);
    if (step.from !== null) {
      this.build(step.from);
      const [source = ""] = step.sources;
      const script = [
        ...this.#mounted(step.from, "from", true),
        ...this.#mounted(name),
        // A folder's contents are copied, as Docker does it.
        `mkdir -p "$root${target}" && cp -a "$from${source}/." "$root${target}/"`,
      ];
      must("unshare", ["--mount", "bash", "-euc", script.join("\n")]);
      return;
    }
    for (const source of step.sources) {
      const isFile = source !== "." && statSync(join(this.#context, source)).isFile();
      const isIntoFolder = step.target.endsWith("/") || step.sources.length > 1;
      const inside = isFile && isIntoFolder ? join(target, source.split("/").at(-1)!) : target;
      const into = join(this.#layer(name), inside);
      mkdirSync(isFile ? dirname(into) : into, { recursive: true });
      const wanted = (path: string): boolean => {
        const relative = path.slice(this.#context.length + 1);
        return relative === "" || this.#isSeen(relative);
      };
      cpSync(join(this.#context, source), into, { recursive: true, filter: wanted });
    }
  }

  #execute(name: string, command: string, settings: Settings): void {
    const { status, stdout, stderr } = this.#inside(name, ["sh", "-c", command], settings);
    if (status !== 0) throw new Error(`stage ${name}: ${command}\nended with ${status}:\n${stdout}${stderr}`);
  }

  /** Runs as root, like a step of a build, with this machine's way to npm and its cache. */
  #inside(
    name: string,
    words: readonly string[],
    settings = new Settings(),
  ): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } {
    const { cache } = npmSettings();
    const script = [
      ...this.#mounted(name),
      'mount -t tmpfs tmpfs "$root/tmp"',
      'mkdir "$root/tmp/npm" && mount --bind "$NPM_CACHE" "$root/tmp/npm"',
      'exec chroot "$root" "$@"',
    ];
    mkdirSync(cache, { recursive: true });
    return spawnSync("unshare", ["--mount", "bash", "-euc", script.join("\n"), "bash", ...words], {
      encoding: "utf8",
      stdio: STDIO,
      env: {
        ...npmConnection(),
        ...{ PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", NPM_CACHE: cache },
        ...{ npm_config_cache: "/tmp/npm", npm_config_update_notifier: "false", DEBIAN_FRONTEND: "noninteractive" },
        ...settings.environment,
        ...settings.arguments,
      },
    }) as ReturnType<typeof spawnSync> & { stdout: string; stderr: string };
  }

  #layer(name: string): string {
    return join(this.#folder, name, "layer");
  }

  /** The settings of the stage's steps and of the stages below it; empty for an image. */
  #settingsOf(name: string): Settings {
    const settings = new Settings();
    if (!this.stages.some((each) => each.name === name)) return settings;
    for (const step of wholeStage(this.stages, name).steps) settings.apply(step);
    return settings;
  }

  /** Bash that mounts the stage at `$root`, or another name. Writes go into its layer. */
  #mounted(name: string, variable = "root", isReadOnly = false): string[] {
    const lower: string[] = [];
    for (let stage = this.stages.find((each) => each.name === name); stage !== undefined; ) {
      const { base }: Stage = stage;
      stage = this.stages.find((each) => each.name === base);
      lower.push(stage === undefined ? this.#base : this.#layer(base));
    }
    const layer = this.#layer(name);
    const options = isReadOnly
      ? `lowerdir=${[layer, ...lower].join(":")}`
      : `lowerdir=${lower.join(":")},upperdir=${layer},workdir=$work/work`;
    return [
      // Each mount has its own folder, since several containers of an image may run at once.
      `work=$(mktemp -d '${join(this.#folder, name)}/mount-XXXXXX') && mkdir "$work/work" "$work/root"`,
      `${variable}=$work/root && mount -t overlay overlay -o "${options}" "$${variable}"`,
      `mount -t proc proc "$${variable}/proc" && mount --rbind /dev "$${variable}/dev"`,
    ];
  }
}

/** The settings that earlier steps made. */
class Settings {
  folder = "/";
  user = "root";
  environment: Record<string, string> = {};
  arguments: Record<string, string> = {};

  apply(step: Stage["steps"][number]): void {
    if (step.does === "workdir") this.folder = step.folder;
    else if (step.does === "user") this.user = step.name;
    else if (step.does === "environment") Object.assign(this.environment, step.values);
    else if (step.does === "argument") this.arguments[step.name] = step.value;
  }
}

/** The Debian mirror that this machine uses. */
function debianMirror(): string {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list",
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  for (const file of files.filter((each) => existsSync(each))) {
    const found = /(?:^URIs:|^deb(?: \[.*?\])?)\s+(https?:\/\/\S+\/debian\/?)(?:\s|$)/m.exec(
      readFileSync(file, "utf8"),
    );
    if (found?.[1] !== undefined) return found[1];
  }
  return "http://deb.debian.org/debian";
}

function realPathOf(program: string): string {
  return spawnSync("readlink", ["-f", findProgram(program) ?? program], { encoding: "utf8" }).stdout.trim();
}

function must(program: string, words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", stdio: STDIO, maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
}
