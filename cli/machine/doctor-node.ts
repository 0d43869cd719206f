/**
 * Checks a node that is installed here as a service, with that node's own settings and credential. The node is not disturbed:
 * its registry keeps the node's connection.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXIT_TOO_OLD, type NodeSettings, storedCredential } from "../../compute-node/agent/index.ts";
import { pathOf, ROUTES, SUBPROTOCOL, type WorkerType, wire } from "../../protocol/index.ts";
import { softwareVersion } from "../software-version.ts";
import {
  askHealth,
  type Finding,
  type Judgement,
  judgeDiskAt,
  judgementOf,
  judgeSocket,
  judgeVersions,
} from "./doctor-judgements.ts";
import { installedSettings, type Machine, type ServiceStatus, serviceStatus } from "./node-service.ts";
import { findUpdate, installedRelease } from "./node-update.ts";
import { unitName } from "./unit-paths.ts";

/** Its checks carry the type in their names, such as `backtesting: service`. */
export async function examineNode(machine: Machine, type: WorkerType, withUpdates: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (check: string, judgement: Judgement): void =>
    void findings.push({ check: `${type}: ${check}`, ...judgement });
  let settings: NodeSettings;
  try {
    settings = installedSettings(machine, type).settings;
  } catch (error) {
    add("settings", judgementOf(error));
    return findings;
  }
  add("settings", { status: "ok", detail: `${settings.workerId}, slots: ${settings.slots}, for ${settings.url}` });
  add("service", await judgeServiceOf(machine, type));
  add("disk", judgeNearestDisk(settings.home));
  const { plane, clock, version } = await askHealth(settings.url);
  const isThere = plane.status === "ok";
  add(
    "control plane",
    isThere ? plane : { ...plane, cure: `Is \`url\` right in its settings? ${plane.cure ?? ""}`.trim() },
  );
  if (isThere) {
    add("version", judgeVersions(version, softwareVersion()));
    add("clock", clock);
    add("credential", await judgeCredential(settings));
  }
  if (withUpdates) add("update", await judgeUpdate(machine, type));
  return findings;
}

async function judgeServiceOf(machine: Machine, type: WorkerType): Promise<Judgement> {
  try {
    return judgeService(await serviceStatus(machine, type));
  } catch (error) {
    return { status: "skipped", detail: `systemd cannot be asked: ${(error as Error).message}` };
  }
}

/** Asks systemd about the unit, and the node about itself. */
function judgeService({ workerType, state, restarts, health }: ServiceStatus): Judgement {
  const unit = unitName(workerType);
  if (state === "active" && health?.connected === true) {
    return { status: "ok", detail: `${unit} runs version ${health.version}, connected, restarts: ${restarts}` };
  }
  if (state === "active") {
    return {
      status: "failed",
      detail: `${unit} runs, and ${health === null ? "does not answer" : "is not connected"}; restarts: ${restarts}.`,
      cure: `What follows below may say why; \`journalctl -u ${unit} -n 50\` has the node's own words.`,
    };
  }
  return {
    status: "failed",
    detail: `${unit} is ${state}.`,
    cure: `\`systemctl start ${unit}\`; when it ends again, \`journalctl -u ${unit} -n 50\` says why (status ${EXIT_TOO_OLD}: it is too old for its control plane).`,
  };
}

/** Free space of the folder, or of its nearest parent that exists when the node has not started yet. */
function judgeNearestDisk(folder: string): Judgement {
  let nearest = folder;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  try {
    return judgeDiskAt(nearest);
  } catch (error) {
    return judgementOf(error);
  }
}

/** Opens a node's socket with its credential and closes it without a message, so that the running node keeps its own. */
async function judgeCredential({ url, workerId, home, token }: NodeSettings): Promise<Judgement> {
  const file = join(home, "nodes", workerId, "credential.json");
  const cure = `\`ktrdr enrol\`, on a machine with an admin's token, prints what to run here.`;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      return { status: "failed", detail: `${file} cannot be read: ${(error as Error).message}.`, cure: "Use sudo." };
    }
    if (token !== null)
      return { status: "warning", detail: "It has not enrolled yet; its settings hold a token for that." };
    return { status: "failed", detail: `It has no credential (${file}) and no enrolment token.`, cure };
  }
  let stored: { credential: string; url: string };
  try {
    stored = wire(storedCredential).parse(JSON.parse(text), "stored credential");
  } catch (error) {
    return { status: "failed", detail: `${file} is damaged: ${(error as Error).message}.`, cure };
  }
  if (stored.url !== url) {
    return { status: "failed", detail: `The credential is for ${stored.url}, and the settings name ${url}.`, cure };
  }
  return judgeSocket({
    url: `${url}${pathOf(ROUTES.openWorkerSocket, { id: workerId })}`,
    bearer: stored.credential,
    subprotocols: [SUBPROTOCOL],
    refused: {
      status: "failed",
      detail: `The control plane does not accept the credential of ${workerId}: it was revoked, or the node was removed.`,
      cure,
    },
  });
}

async function judgeUpdate(machine: Machine, type: WorkerType): Promise<Judgement> {
  try {
    const installed = installedRelease(machine, type);
    const { release, verdict } = await findUpdate(machine, type, installed, { hashes: {} });
    if (verdict !== "newer")
      return { status: "ok", detail: `${installed.version}, and nothing newer at ${release.origin}` };
    return {
      status: "warning",
      detail: `This is ${installed.version}; ${release.version} is at ${release.origin}.`,
      cure: `\`ktrdr node update --type ${type}\`.`,
    };
  } catch (error) {
    return { ...judgementOf(error), status: "skipped" };
  }
}
