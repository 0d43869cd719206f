/** `ktrdr ops logs` and `ktrdr ops events`: a job's output and its events, so far or as they come. */

import type { Client } from "../../../client/client.ts";
import { openEventFeed } from "../../../client/event-feed.ts";
import {
  eventPage,
  LIMITS,
  type LogLine,
  logPage,
  type OperationEvent,
  Problem,
  TERMINAL_STATUSES,
  wire,
} from "../../../protocol/index.ts";
import type { Context } from "../../terminal/context.ts";
import { momentText } from "../../terminal/duration.ts";
import { watchInterrupts } from "../../terminal/interrupt.ts";

const POLL_MS = 500;
const LIVE_POLL_MS = 5000;
const PATIENCE_MS = 60_000;

/** Prints each line when it comes; with `--json` all of them in one document at the end. */
export async function showLogs(context: Context, operationId: string, follow: boolean): Promise<void> {
  const client = await context.client();
  const lines: LogLine[] = [];
  let dropped = 0;
  const read = async (): Promise<void> => {
    const page = await client.operationLogs(operationId, { after: lines.at(-1)?.lineId ?? 0 });
    if (page.dropped > dropped) context.note(`${page.dropped - dropped} older lines are not kept any more`);
    dropped = page.dropped;
    for (const line of page.lines) {
      const { attempt } = lines.at(-1) ?? line;
      if (line.attempt !== attempt) context.note(`attempt ${line.attempt}, since attempt ${attempt} was lost:`);
      context.say(line.text);
      lines.push(line);
    }
  };
  if (!(await readAll(context, client, operationId, follow, read))) return;
  if (context.json) context.answer(wire(logPage).encode({ lines, dropped }), () => "");
  else if (lines.length === 0) context.note(`${operationId} has said nothing${follow ? "" : " so far"}.`);
}

/** Prints each event when it comes; with `--json` all of them in one document at the end. */
export async function showEvents(context: Context, operationId: string, follow: boolean): Promise<void> {
  const client = await context.client();
  const events: OperationEvent[] = [];
  const read = async (): Promise<void> => {
    for (;;) {
      const page = await client.operationEvents(operationId, { after: events.at(-1)?.eventId ?? 0 });
      for (const event of page.events) context.say(eventText(event));
      events.push(...page.events);
      if (page.events.length < LIMITS.pageEvents) return;
    }
  };
  if (!(await readAll(context, client, operationId, follow, read))) return;
  if (context.json) context.answer(wire(eventPage).encode({ events }), () => "");
}

/** Reads once, or repeatedly until the operation has ended. Returns false after an interrupt, and says how to go on. */
async function readAll(
  context: Context,
  client: Client,
  operationId: string,
  follow: boolean,
  read: () => Promise<void>,
): Promise<boolean> {
  if (!follow) {
    await read();
    return true;
  }
  const feed = openEventFeed(client, operationId);
  const away = absence(context, client.url);
  try {
    const ended = await watchInterrupts(context, operationId, async (signal) => {
      for (;;) {
        try {
          // The status is asked first: lines that are read after the end was seen are complete.
          const { status } = await client.showOperation(operationId);
          await read();
          if (TERMINAL_STATUSES.includes(status)) return true;
          away.over();
        } catch (error) {
          away.endure(error);
        }
        await feed.wait(feed.isLive ? LIVE_POLL_MS : POLL_MS, signal);
      }
    });
    return ended ?? false;
  } finally {
    feed.close();
  }
}

/** Waits for a control plane that does not answer. Says so once, and throws after a minute. */
function absence(context: Context, url: string) {
  let since: number | null = null;
  return {
    over(): void {
      since = null;
    },
    endure(error: unknown): void {
      if (!(error instanceof Problem && error.kind === "unavailable")) throw error;
      if (since === null) context.note(`The control plane at ${url} does not answer; trying on.`);
      since ??= performance.now();
      if (performance.now() - since > PATIENCE_MS) throw error;
    },
  };
}

/** `2026-11-23 18:48:05Z  assigned  worker_id=first attempt=1`. */
function eventText(event: OperationEvent): string {
  const details = Object.entries(event.data).map(([name, value]) => `${name}=${plain(value)}`);
  return [momentText(event.atMs), event.type.padEnd(16), details.join(" ")].join("  ").trimEnd();
}

function plain(value: unknown): string {
  return typeof value === "string" && !/\s/.test(value) ? value : JSON.stringify(value);
}
