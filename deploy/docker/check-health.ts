/** Checks a container's health: `/health` answers, and a node is connected. Loads nothing, since it runs every ten seconds. */
import { existsSync } from "node:fs";

const file = process.env.KTRDR_ENROLMENT_FILE;
const response = await fetch(`http://127.0.0.1:${process.env.HEALTH_PORT}/health`, {
  signal: AbortSignal.timeout(4000),
});
const { connected } = (await response.json()) as { connected?: boolean };
// Nodes wait until the control plane is healthy, and then need the token that it writes.
process.exitCode = response.ok && connected !== false && (!file || existsSync(file)) ? 0 : 1;
