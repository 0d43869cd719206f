/** Follows an operation until it ends, through restarts of the control plane. */

import type { Client } from "../../client/client.ts";
import { openEventFeed } from "../../client/event-feed.ts";
import { type OperationDetail, TERMINAL_STATUSES } from "../../protocol/operation.ts";
import { Problem } from "../../protocol/problem.ts";
import type { ProgressView } from "../terminal/progress.ts";

const FIRST_POLL_MS = 100;
const SLOWEST_POLL_MS = 1000;
const POLL_GROWTH = 1.3;
/** With a stream of events open, this wait only matters when an event was lost. */
const LIVE_POLL_MS = 5000;
/** The control plane may be away this long before watching gives up. The operation itself is not affected. */
const PATIENCE_MS = 60_000;

export interface WatchOptions {
  client: Pick<Client, "showOperation" | "url"> & Partial<Pick<Client, "followOperation">>;
  operationId: string;
  view: ProgressView;
  /** Ends the watching, not the operation. The promise then rejects with the signal's reason. */
  signal?: AbortSignal;
  patienceMs?: number;
}

/** Resolves with the operation once it has reached any terminal status. */
export async function watchOperation(options: WatchOptions): Promise<OperationDetail> {
  const { client, operationId, view, signal, patienceMs = PATIENCE_MS } = options;
  const feed = openEventFeed({ followOperation: client.followOperation ?? noEvents }, operationId);
  let pollMs = FIRST_POLL_MS;
  let awaySince: number | null = null;
  try {
    for (;;) {
      signal?.throwIfAborted();
      try {
        const operation = await client.showOperation(operationId);
        if (awaySince !== null) view.note(`The control plane is back.`);
        awaySince = null;
        view.update(operation);
        if (TERMINAL_STATUSES.includes(operation.status)) return operation;
      } catch (error) {
        const now = performance.now();
        if (!(error instanceof Problem && error.kind === "unavailable")) throw error;
        if (now - (awaySince ?? now) > patienceMs) throw error;
        if (awaySince === null)
          view.note(`The control plane at ${client.url} does not answer; trying on. ${operationId} is not affected.`);
        awaySince ??= now;
      }
      await feed.wait(feed.isLive ? LIVE_POLL_MS : pollMs, signal);
      pollMs = Math.min(SLOWEST_POLL_MS, pollMs * POLL_GROWTH);
    }
  } finally {
    feed.close();
    view.end();
  }
}

async function noEvents(): Promise<never> {
  throw new Problem("not-found", "This client has no stream of events.");
}

/** Turns a failed or cancelled operation into an error, for commands that wanted its result. */
export function problemOf(operation: OperationDetail): Problem {
  if (operation.error !== null) return Problem.fromDetails(operation.error);
  return new Problem("conflict", `${operation.operationId} was ${operation.status}`, {
    cure: `See what happened with: ktrdr ops show ${operation.operationId}`,
  });
}
