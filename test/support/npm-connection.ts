/**
 * Finds out how this machine's own npm reaches its registry, for installations under a home or in a tree that lacks its
 * settings. A checkout's scripts put their Node first on the search path. npm would look for its global settings beside that
 * one, so it is asked without.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter } from "node:path";

interface NpmSettings {
  readonly registry: string;
  readonly cache: string;
  readonly userconfig: string;
  readonly globalconfig: string;
  readonly cafile: string | null;
  readonly proxy: string | null;
  readonly "https-proxy": string | null;
  readonly noproxy: string | readonly string[] | null;
}

const PASSED_ON = /^((https?|no)_proxy|node_extra_ca_certs|ssl_cert_file)$/i;

let settings: NpmSettings | undefined;

export function npmSettings(): NpmSettings {
  settings ??= askNpm();
  return settings;
}

/** Variables for npm and Node; paths in them are of this machine. */
export function npmConnection(): Record<string, string> {
  const { registry, cafile, proxy, noproxy, ...more } = npmSettings();
  const passed = Object.entries(process.env).filter(([name, value]) => PASSED_ON.test(name) && value !== undefined);
  const known: Record<string, string | null> = {
    NODE_EXTRA_CA_CERTS: cafile,
    ...(Object.fromEntries(passed) as Record<string, string>),
    npm_config_registry: registry,
    npm_config_cafile: cafile,
    npm_config_proxy: proxy,
    npm_config_https_proxy: more["https-proxy"],
    npm_config_noproxy: noproxy === null ? null : String(noproxy),
  };
  const said = Object.entries(known).filter(([, value]) => value !== null && value !== "");
  return Object.fromEntries(said) as Record<string, string>;
}

/** Those of its files of settings that are there, the user's before the global one. */
export function npmSettingsFiles(): string[] {
  const { userconfig, globalconfig } = npmSettings();
  return [userconfig, globalconfig].filter((file) => existsSync(file));
}

function askNpm(): NpmSettings {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const own = folders.filter((folder) => !/node_modules[\\/](\.bin|node[\\/]bin)$/.test(folder));
  for (const path of [own, folders]) {
    const env = { ...process.env, PATH: path.join(delimiter) };
    const { status, stdout } = spawnSync("npm", ["config", "list", "--json"], { encoding: "utf8", env });
    if (status === 0) return JSON.parse(stdout) as NpmSettings;
  }
  throw new Error("npm does not say its settings: `npm config list --json` failed");
}
