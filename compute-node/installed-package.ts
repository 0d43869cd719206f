/** npm packages that ktrdr finds beside itself, or does not, and how to get one that is missing. */
import { existsSync, readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { basename, dirname, join } from "node:path";
import process from "node:process";

const ROOT = join(import.meta.dirname, "..");

/** Tells if an import of it from ktrdr finds it: among ktrdr's own packages, or installed beside ktrdr. */
export function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    return false; // Node throws for a package that is nowhere.
  }
}

interface Manifest {
  readonly version: string;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

/**
 * Says in a sentence what to type where ktrdr was installed. `root` is ktrdr's own folder: a checkout, a package in somebody's
 * project or in npm's global folder, or one that was only unpacked.
 */
export function installationCure(name: string, root: string = ROOT): string {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  if (manifest.devDependencies?.[name] !== undefined || existsSync(join(root, "package-lock.json"))) {
    return `Run \`npm ci\` in ${root}.`;
  }
  const version = manifest.peerDependencies?.[name];
  if (version !== undefined) return `Run \`npm install ${placeOf(root)} ${name}@${version}\`.`;
  return `Install ktrdr ${manifest.version} again: ${name} comes with it.`;
}

/** The words of npm for the folder whose packages ktrdr is one of. */
function placeOf(root: string): string {
  const packages = dirname(root);
  if (basename(packages) !== "node_modules") return `--no-save --prefix ${root}`;
  const above = dirname(packages);
  if (existsSync(join(above, "package.json"))) return `--prefix ${above}`;
  const prefix = basename(above) === "lib" ? dirname(above) : above;
  // npm's own choice is the folder above the one of its Node.
  const isDefault = prefix === dirname(dirname(process.execPath));
  return isDefault ? "--global" : `--global --prefix ${prefix}`;
}
