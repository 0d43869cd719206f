/** Submits an operation to the fleet, and follows it to its result. */

import type { Client } from "../../client/client.ts";
import type { OperationDetail } from "../../protocol/operation.ts";
import type { OperationSpec } from "../../protocol/operations/index.ts";
import type { Context } from "../terminal/context.ts";
import { durationText } from "../terminal/duration.ts";
import { watchInterrupts } from "../terminal/interrupt.ts";
import { createProgressView } from "../terminal/progress.ts";
import { type PlacementOptions, placementOf } from "./placement-options.ts";
import { problemOf, watchOperation } from "./watch.ts";

export interface SubmitOptions extends PlacementOptions {
  /** Submit and do not wait. */
  detach?: boolean;
  priority: number;
  /** The name that lists show. */
  name?: string;
}

export interface Finished {
  readonly bytes: Uint8Array;
  /** Null for a run in this process. */
  readonly operationId: string | null;
}

const LONGEST_NAME = 100;

/** As `followOnFleet`, with the bytes of the result. */
export async function runOnFleet(...words: Parameters<typeof followOnFleet>): Promise<Finished | null> {
  const ended = await followOnFleet(...words);
  if (ended === null) return null;
  const [, client] = words;
  return { bytes: await client.operationResult(ended.operationId), operationId: ended.operationId };
}

/**
 * Submits an operation, and follows it until it completes. `title` is its name when the user gives none. Null when it was
 * only submitted, or left running.
 */
export async function followOnFleet(
  context: Context,
  client: Client,
  spec: OperationSpec,
  options: SubmitOptions,
  title: string,
): Promise<OperationDetail | null> {
  const { operationId, status } = await client.submit({
    spec,
    priority: options.priority,
    ...placementOf(options, Date.now()),
    name: options.name ?? title.slice(0, LONGEST_NAME),
  });
  if (options.detach === true) {
    context.answer(
      { operation_id: operationId, status },
      () => `${operationId}\n  watch it: ktrdr ops watch ${operationId}`,
    );
    return null;
  }
  context.note(`Submitted ${operationId}.`);
  const view = createProgressView(context.stderr);
  const ended = await watchInterrupts(context, operationId, (signal) =>
    watchOperation({ client, operationId, view, signal }),
  );
  if (ended === null) return null;
  if (ended.status !== "completed") throw problemOf(ended);
  const tookMs = (ended.finishedAt ?? ended.createdAt) - ended.createdAt;
  context.note(`Completed on ${ended.workerId ?? "a worker"} in ${durationText(tookMs)}.`);
  return ended;
}
