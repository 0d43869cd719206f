/** The files that make this machine a node under systemd, with their paths and contents. */
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { stringify } from "yaml";
import {
  type NodeSettings,
  type ResolvedSettings,
  SETTINGS,
  type SettingName,
} from "../../compute-node/agent/index.ts";
import {
  dropInFolder,
  SYSUSERS_PATH,
  settingsPath,
  UNIT_CODE,
  UNIT_NODE,
  UNIT_PROGRAM,
  UNIT_TEMPLATE_PATH,
  UPDATE_UNIT_PATH,
  unitName,
} from "./unit-paths.ts";

const UNIT_FOLDER = join(import.meta.dirname, "..", "..", "deploy", "systemd");

export interface ServiceFile {
  readonly path: string;
  readonly text: string;
  /** Settings may hold an enrolment token, so only root and the group ktrdr may read them. */
  readonly isPrivate: boolean;
}

export interface ServiceLimits {
  /** As systemd writes it: `8G`, `75%`. */
  readonly memoryMax?: string | undefined;
  /** In percent of one processor: `400%` is four. */
  readonly cpuQuota?: string | undefined;
}

interface ServiceDescription {
  readonly resolved: ResolvedSettings;
  readonly limits: ServiceLimits;
  /** The Node that runs the service, and the folder of the code. In the committed unit both are links. */
  readonly nodePath: string;
  readonly codePath: string;
  /** The targets of the links, also of links that are still to be made. */
  readonly links?: readonly { readonly target: string }[];
}

export function serviceFiles({ resolved, limits, nodePath, codePath, links = [] }: ServiceDescription): ServiceFile[] {
  const type = resolved.settings.workerType;
  const files: ServiceFile[] = [
    { path: SYSUSERS_PATH, text: readUnit("ktrdr.sysusers.conf"), isPrivate: false },
    { path: UNIT_TEMPLATE_PATH, text: unitText(nodePath, codePath, links), isPrivate: false },
    ...(codePath === UNIT_CODE
      ? [{ path: UPDATE_UNIT_PATH, text: readUnit("ktrdr-update@.service"), isPrivate: false }]
      : []),
    { path: settingsPath(type), text: settingsText(resolved), isPrivate: true },
  ];
  if (type === "gpu_host") {
    const name = "50-gpu.conf";
    files.push({
      path: join(dropInFolder(type), name),
      text: readUnit(`${unitName(type)}.d/${name}`),
      isPrivate: false,
    });
  }
  const limitsText = [
    ...(limits.memoryMax === undefined ? [] : ["MemoryHigh=infinity", `MemoryMax=${limits.memoryMax}`]),
    ...(limits.cpuQuota === undefined ? [] : [`CPUQuota=${limits.cpuQuota}`]),
  ];
  if (limitsText.length > 0) {
    const text = `# From ktrdr node install.\n[Service]\n${limitsText.join("\n")}\n`;
    files.push({ path: join(dropInFolder(type), "60-limits.conf"), text, isPrivate: false });
  }
  return files;
}

/** The committed unit with the paths of this machine. Code below a home stays readable, and nothing else there. */
export function unitText(
  nodePath: string,
  codePath: string,
  links: readonly { readonly target: string }[] = [],
): string {
  let text = readUnit("ktrdr-worker@.service").replaceAll(UNIT_NODE, nodePath);
  if (codePath !== UNIT_CODE) {
    // A checkout: its programs end like this file (.ts), and no update switches it.
    const program = `${codePath}/${mainProgram(codePath)}`;
    text = text.replaceAll(`${UNIT_CODE}/${UNIT_PROGRAM}`, program).replace(/^#[^\n]*\nOnFailure=.*\n/m, "");
  }
  const paths = [nodePath, codePath, ...links.map(({ target }) => target)];
  const isBelowHome = paths.some((path) => /^\/(home|root|run\/user)\//.test(path));
  return isBelowHome ? text.replace("ProtectHome=yes", "ProtectHome=read-only") : text;
}

/** The program of the unit, relative to the folder of the code. */
export function mainProgram(codePath: string): string {
  if (codePath === UNIT_CODE) return UNIT_PROGRAM;
  return UNIT_PROGRAM.replace(/\.js$/, extname(import.meta.filename));
}

function readUnit(name: string): string {
  return readFileSync(join(UNIT_FOLDER, name), "utf8");
}

/** Writes the given settings, and always name, type, folder and control plane, so that their defaults cannot change later. */
function settingsText({ settings, sources }: ResolvedSettings): string {
  const always: SettingName[] = ["url", "workerId", "workerType", "home"];
  const names = (Object.keys(SETTINGS) as SettingName[]).filter(
    (name) => always.includes(name) || sources[name] !== "default",
  );
  const entries = names.map((name) => [SETTINGS[name].key, settingValue(settings, name)] as const);
  return `# Settings of this node; \`ktrdr node start --help\` describes each.\n${stringify(Object.fromEntries(entries))}`;
}

function settingValue(settings: NodeSettings, name: SettingName): unknown {
  return name === "healthPort" ? (settings.healthPort ?? false) : settings[name];
}
