/** The Chromium for the tests of drawings: the distribution's own, never one downloaded. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const PROGRAM_NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** No sandbox, since containers run as root; and nothing that would use the network by itself. */
export const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * The path of Chromium: `CHROMIUM_PATH`, or the first on PATH, or the usual place; undefined when there is none.
 * @throws Error when `CHROMIUM_PATH` names no program, or when `CI` is set and there is none: there, nothing is skipped.
 */
export function findChromium(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const asked = environment.CHROMIUM_PATH;
  if (asked !== undefined && asked !== "") {
    if (isProgram(asked)) return asked;
    throw new Error(`CHROMIUM_PATH is ${asked}, which is not a program.`);
  }
  const folders = [...(environment.PATH ?? "").split(delimiter), "/usr/bin"].filter((folder) => folder !== "");
  const found = folders.flatMap((folder) => PROGRAM_NAMES.map((name) => join(folder, name))).find(isProgram);
  if (found === undefined && (environment.CI ?? "") !== "") {
    throw new Error("There is no Chromium, and CI is set: install the package `chromium`, or set CHROMIUM_PATH.");
  }
  return found;
}

export const NO_CHROMIUM = "There is no Chromium here: install the package `chromium`, or set CHROMIUM_PATH.";

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
