/**
 * The units name Node and ktrdr by these links, so that an update switches code without a change to a unit.
 * Where ktrdr was installed with `npm install -g`, they lead to what npm installed until the first update.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { WORKER_TYPES, type WorkerType } from "../../protocol/workers.ts";
import { codeLink, settingsPath, UNIT_NODE } from "./unit-paths.ts";
import { compareVersions } from "./version-order.ts";

export interface ServiceLink {
  readonly path: string;
  readonly target: string;
}

/**
 * Lists the links that an installation of `type` has to make below `prefix`. A release that an update brought stays, unless
 * this package is newer. Another type of the machine without a link gets one too, since all types share one unit.
 */
export function missingLinks(
  prefix: string,
  type: WorkerType,
  { nodePath, packagePath }: { nodePath: string; packagePath: string },
): ServiceLink[] {
  const others = WORKER_TYPES.filter((other) => other !== type && existsSync(`${prefix}${settingsPath(other)}`));
  const own = versionOf(packagePath);
  const code = [type, ...others].flatMap((each) => {
    const path = codeLink(each);
    const linked = versionOf(`${prefix}${path}`);
    const isKept = linked !== null && (each !== type || own === null || compareVersions(own, linked) <= 0);
    return isKept ? [] : [{ path, target: packagePath }];
  });
  return [...programLinks(prefix, nodePath), ...code].filter(({ path }) => isFree(`${prefix}${path}`));
}

/** Links npm and its Node, since an update needs both. A Node that somebody put or linked there stays as it is. */
function programLinks(prefix: string, nodePath: string): ServiceLink[] {
  const folder = join(dirname(UNIT_NODE), "..");
  if (nodePath === UNIT_NODE || isLink(`${prefix}${folder}`) || !isFree(`${prefix}${UNIT_NODE}`)) return [];
  const links = ["node", "npm"].map((name) => ({
    path: join(dirname(UNIT_NODE), name),
    target: name === "node" ? nodePath : join(dirname(nodePath), name),
  }));
  return links.filter(({ path, target }) => existsSync(target) && !leadsTo(`${prefix}${path}`, target));
}

/** Follows a link in the path, also one that is about to be made. */
export function throughLinks(file: string, links: readonly ServiceLink[]): string {
  const link = links.find(({ path }) => file === path || file.startsWith(`${path}/`));
  return link === undefined ? file : `${link.target}${file.slice(link.path.length)}`;
}

/** Renames the link into place, so that a service that starts meanwhile finds the old one or the new one. */
export function makeLink(prefix: string, { path, target }: ServiceLink): void {
  const link = `${prefix}${path}`;
  mkdirSync(dirname(link), { recursive: true, mode: 0o755 });
  const temporary = join(dirname(link), `.${basename(link)}.${process.pid}`);
  symlinkSync(target, temporary);
  renameSync(temporary, link);
}

function versionOf(folder: string): string | null {
  try {
    return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;
  } catch {
    return null; // No ktrdr is there, or it was removed.
  }
}

function leadsTo(path: string, target: string): boolean {
  return isLink(path) && readlinkSync(path) === target;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** True for a link or an empty place. Somebody put any other file there, such as an unpacked release of Node, so it stays. */
function isFree(path: string): boolean {
  return isLink(path) || lstatSync(path, { throwIfNoEntry: false }) === undefined;
}
