/**
 * docs/reference/node-settings.md, made from the table. Run it to write the page:
 * `node compute-node/agent/settings-page.ts`
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SETTINGS, type Setting } from "./settings-table.ts";

export const SETTINGS_PAGE_URL = new URL("../../docs/reference/node-settings.md", import.meta.url);

/** The whole page. */
export function settingsPage(): string {
  return `${[
    "# Settings of a compute node",
    "",
    "Made from the table in `compute-node/agent/settings-table.ts` by `node compute-node/agent/settings-page.ts`.",
    "",
    "A node takes each setting from its flag, else from the environment, else from the file, else from what stands here as",
    "default. The file is `node.yaml` in the node's home folder, or the one that `--config` names; it is YAML or JSON, with one",
    "key a setting. A key that is not on this page is refused, and so is a value that does not fit.",
    "",
    "`ktrdr node start --help` prints the same. `--no-health` is short for `health_port: false`.",
    "",
    ...Object.values<Setting>(SETTINGS).flatMap(section),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function section(setting: Setting): string[] {
  const { key, flag, formerFlag, environment, description, type, fallbackText, isRepeatable } = setting;
  const former =
    formerFlag === undefined ? "" : `; \`${formerFlag.split(" ")[0]}\` of earlier releases goes on working`;
  return [
    `## ${key}`,
    "",
    `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    "",
    `- flag: \`${flag}\`${isRepeatable ? ", several times for more" : ""}${former}`,
    `- environment: \`${environment}\``,
    `- value: ${type.text}`,
    `- default: ${fallbackText ?? "none"}`,
    "",
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SETTINGS_PAGE_URL, settingsPage());
