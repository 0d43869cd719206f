/** `ktrdr workers`: the compute nodes as the registry knows them. */
import type { Worker, WorkerHistoryEntry } from "../../../protocol/workers.ts";
import type { Context } from "../../terminal/context.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

const TYPES = ["backtesting", "cpu_training", "gpu_host"];
const STATUSES = ["available", "busy", "temporarily_unavailable"];

const WORKER_ID = { name: "<worker-id>" };

interface Filter {
  type?: string;
  status?: string;
}

export const workerCommands: DeclaredGroup = {
  name: "workers",
  description: "the compute nodes of the fleet",
  commands: [
    defineCommand<[], Filter>({
      name: "list",
      isDefault: true,
      description: "every node, with its type and status",
      options: [
        { flags: "--type <type>", description: "only nodes of this type", choices: TYPES },
        { flags: "--status <status>", description: "only nodes in this status", choices: STATUSES },
      ],
      examples: ["ktrdr workers", "ktrdr workers list --status available --json"],
      handle: (context, _, filter) => list(context, filter),
    }),
    defineCommand<[workerId: string], object>({
      name: "show",
      description: "one node in full",
      arguments: [WORKER_ID],
      examples: ["ktrdr workers show desktop-1"],
      handle: (context, [workerId]) => show(context, workerId),
    }),
    defineCommand<[workerId: string], object>({
      name: "history",
      description: "the events of a node: connections, losses, draining; also of a node that is gone",
      arguments: [WORKER_ID],
      examples: ["ktrdr workers history desktop-1"],
      handle: (context, [workerId]) => history(context, workerId),
    }),
    defineCommand<[workerId: string], { off?: boolean }>({
      name: "drain",
      description: "hand nothing more to a node, and let it finish its jobs",
      arguments: [WORKER_ID],
      options: [{ flags: "--off", description: "take it back into service" }],
      examples: ["ktrdr workers drain desktop-1", "ktrdr workers drain desktop-1 --off"],
      handle: (context, [workerId], { off }) => drain(context, workerId, off !== true),
    }),
    defineCommand<[workerId: string], object>({
      name: "remove",
      description: "forget a node and revoke its credential",
      arguments: [WORKER_ID],
      examples: ["ktrdr workers remove old-laptop"],
      handle: (context, [workerId]) => remove(context, workerId),
    }),
  ],
};

async function list(context: Context, filter: Filter): Promise<void> {
  const client = await context.client();
  const answer = await client.listWorkers(filter);
  const [{ tableText }, { agoText }, { wire, workerList }] = await Promise.all([
    import("../../terminal/table.ts"),
    import("../../terminal/duration.ts"),
    import("../../../protocol/index.ts"),
  ]);
  const now = Date.now();
  for (const { workerId, refusal } of answer.workers) {
    if (refusal !== null) context.note(`warning: ${workerId} was refused: ${refusal}`);
  }
  context.answer(wire(workerList).encode(answer), () =>
    answer.workers.length === 0
      ? "No workers. Start one here with: ktrdr node start. For another machine: ktrdr enrol."
      : tableText<Worker>(
          [
            { heading: "WORKER", text: (worker) => worker.workerId },
            { heading: "TYPE", text: (worker) => worker.workerType },
            { heading: "STATUS", text: statusText },
            { heading: "SLOTS", align: "right", text: (worker) => `${worker.slotsUsed}/${worker.slots}` },
            { heading: "DATASETS", align: "right", text: (worker) => String(worker.capabilities.datasets.length) },
            { heading: "LAST HEALTHY", text: (worker) => agoText(worker.lastHealthyAt, now) },
            { heading: "RUNS", text: (worker) => worker.currentOperationIds.join(" ") || "-" },
          ],
          answer.workers,
        ),
  );
}

function statusText({ status, draining, refusal }: Worker): string {
  if (refusal !== null) return `${status} (refused)`;
  return draining ? `${status} (draining)` : status;
}

async function show(context: Context, workerId: string): Promise<void> {
  const client = await context.client();
  const found = await client.showWorker(workerId);
  const [{ factsText }, { momentText }, { wire, worker }] = await Promise.all([
    import("../../terminal/table.ts"),
    import("../../terminal/duration.ts"),
    import("../../../protocol/index.ts"),
  ]);
  context.answer(wire(worker).encode(found), () =>
    factsText([
      ["worker", found.workerId],
      ["type", found.workerType],
      ["status", `${found.status}${found.draining ? ", draining" : ""}${found.connected ? "" : ", not connected"}`],
      ["slots", `${found.slotsUsed} of ${found.slots} in use`],
      ["runs", found.currentOperationIds.join(" ") || "-"],
      ["kinds", found.capabilities.kinds.join(", ")],
      ["datasets", found.capabilities.datasets.map((data) => `${data.symbol} ${data.timeframe}`).join(", ") || "-"],
      [
        "labels",
        Object.entries(found.capabilities.labels)
          .map((pair) => pair.join("="))
          .join(", ") || "-",
      ],
      ["version", `${found.softwareVersion}, protocol ${found.protocolVersion ?? "-"}`],
      ...(found.refusal === null ? [] : [["refused", found.refusal] as const]),
      ["health endpoint", found.endpointUrl || "-"],
      ["registered", momentText(found.registeredAt)],
      ["last healthy", found.lastHealthyAt === null ? "-" : momentText(found.lastHealthyAt)],
    ]),
  );
}

async function history(context: Context, workerId: string): Promise<void> {
  const client = await context.client();
  const answer = await client.workerHistory(workerId);
  const [{ tableText }, { momentText }, { wire, workerHistory }] = await Promise.all([
    import("../../terminal/table.ts"),
    import("../../terminal/duration.ts"),
    import("../../../protocol/index.ts"),
  ]);
  context.answer(wire(workerHistory).encode(answer), () =>
    tableText<WorkerHistoryEntry>(
      [
        { heading: "WHEN", text: (entry) => momentText(entry.atMs) },
        { heading: "WHAT", text: (entry) => entry.type },
        { heading: "DETAIL", text: (entry) => entry.detail || "-" },
      ],
      answer.entries,
    ),
  );
}

async function drain(context: Context, workerId: string, draining: boolean): Promise<void> {
  const client = await context.client();
  await client.drainWorker(workerId, { draining });
  context.answer({ worker_id: workerId, draining }, () =>
    draining ? `${workerId} gets nothing more; what it runs goes on.` : `${workerId} is in service again.`,
  );
}

async function remove(context: Context, workerId: string): Promise<void> {
  const client = await context.client();
  await client.removeWorker(workerId);
  context.answer({ worker_id: workerId, removed: true }, () => `${workerId} is removed and its credential revoked.`);
}
