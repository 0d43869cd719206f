/** Prometheus' own checker, where Debian's `prometheus` or another installation has put it on the path. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export const promtool = find("promtool");

/** Goes into the title of a test that is skipped. */
export const WITHOUT_PROMTOOL =
  promtool === null ? " (skipped: promtool is not installed; on Debian: apt install prometheus)" : "";

function find(command: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, command);
    if (folder !== "" && existsSync(path)) return path;
  }
  return null;
}
