/** The npm package as a stranger gets it: built, and installed by npm into an empty folder under an empty home. */
import { execFile, type SpawnOptions } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { npmConnection, npmSettings } from "./npm-connection.ts";
import { patience } from "./patience.ts";

const NPM_LIMIT_MS = patience(120_000);
/** Matches npm's words about a registry that it cannot reach. */
const UNREACHABLE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/;
/** npm would try for minutes to reach a registry that is not there. */
const PATIENCE = [
  "--prefer-offline",
  "--fetch-retries=1",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=5000",
];

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface InstalledPackage {
  /** All of it; removed by `remove()`. */
  readonly folder: string;
  readonly tarball: string;
  /** An npm prefix: `lib/node_modules/ktrdr` and `bin/ktrdr`. */
  readonly prefix: string;
  readonly root: string;
  readonly bin: string;
  readonly home: string;
  /** Runs the installed command under the empty home. */
  ktrdr(...words: string[]): Promise<Ran>;
  environment(): NodeJS.ProcessEnv;
  remove(): void;
}

/** In a new folder of `place`. Null where npm's registry cannot be reached; throws for every other failure, and in CI for that one too. */
export async function installPackage(place: string = tmpdir()): Promise<InstalledPackage | null> {
  const folder = mkdtempSync(join(place, "ktrdr-package-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const [prefix, home] = [join(folder, "prefix"), join(folder, "home")];
    for (const path of [prefix, home]) mkdirSync(path);
    const builder = join(PROJECT_FOLDER, "deploy", "package", "build.ts");
    const built = await run(process.execPath, [builder, "--out", join(folder, "tarball"), "--json"]);
    if (built.code !== 0) throw new Error(`the package was not built: ${built.err}`);
    const { path: tarball } = JSON.parse(built.out) as { path: string };
    const environment = (): NodeJS.ProcessEnv => ({
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: home,
    });
    const words = ["install", "--global", "--prefix", prefix, "--no-audit", "--no-fund", ...PATIENCE, tarball];
    const installed = await run("npm", words, { env: { ...environment(), ...npmEnvironment() } });
    if (installed.code !== 0 && UNREACHABLE.test(installed.err) && !process.env.CI) {
      remove();
      return null;
    }
    if (installed.code !== 0) throw new Error(`npm did not install the package: ${installed.err}`);
    const bin = join(prefix, "bin", "ktrdr");
    return {
      ...{ folder, tarball, prefix, bin, home, environment, remove },
      root: join(prefix, "lib", "node_modules", "ktrdr"),
      ktrdr: (...words) => run(bin, words, { env: environment(), cwd: home }),
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** npm's connection and its downloads, which may be shared. Nothing else of the real home is seen. */
export function npmEnvironment(): NodeJS.ProcessEnv {
  const { cache, userconfig } = npmSettings();
  return { npm_config_cache: cache, npm_config_userconfig: userconfig, ...npmConnection() };
}

/** Resolves when it has ended, however it did. */
export function run(program: string, words: readonly string[], options: SpawnOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const { cwd, env, uid, gid } = options;
    const limits = { timeout: NPM_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(program, words, { cwd, env, uid, gid, ...limits }, (error, out, err) => {
      resolve({ code: error === null ? 0 : child.exitCode, out, err: error === null ? err : `${err}${error.message}` });
    });
  });
}

/** Every file below the folder, without following links, as paths relative to it. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (path) => !lstatSync(join(folder, path)).isDirectory(),
  );
}
